//go:build tools

// Package tools pins Knative's own event sources that the tests run.
package tools

import (
	_ "knative.dev/eventing/cmd/apiserver_receive_adapter"
	_ "knative.dev/eventing/cmd/mtping"
)
