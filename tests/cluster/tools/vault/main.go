// The unmodified Vault server and command line, which the tests run and never ship (Business Source License).
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
