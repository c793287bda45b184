"""What is wrong with a MutatingWebhookConfiguration or ValidatingWebhookConfiguration. Pure."""

from urllib.parse import urlsplit

from aegis_local.kube import cel
from aegis_local.kube.errors import FieldError, duplicate, invalid_value, required, unsupported
from aegis_local.kube.objects import Object


def problems(configuration: Object) -> list[FieldError]:
    """What its schema cannot see; fields that the schema misses are left to it."""
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, webhook in enumerate(configuration.get("webhooks") or ()):
        path = f"webhooks[{index}]"
        name = webhook.get("name", "")
        if name in names:
            errors.append(duplicate(f"{path}.name", name))
        names.add(name)
        errors += _webhook_problems(webhook, path)
    return errors


def _webhook_problems(webhook: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    name = webhook.get("name", "")
    if name.count(".") < 2:
        detail = "should be a domain with at least three segments separated by dots"
        errors.append(invalid_value(f"{path}.name", name, detail))
    if "v1" not in (webhook.get("admissionReviewVersions") or ()):
        versions = webhook.get("admissionReviewVersions") or []
        detail = "must include at least one of v1, v1beta1"
        errors.append(invalid_value(f"{path}.admissionReviewVersions", versions, detail))
    if webhook.get("sideEffects", "None") not in ("None", "NoneOnDryRun"):
        errors.append(unsupported(f"{path}.sideEffects", webhook["sideEffects"], ["None", "NoneOnDryRun"]))
    if not 1 <= webhook.get("timeoutSeconds", 10) <= 30:
        detail = "the timeout value must be between 1 and 30 seconds"
        errors.append(invalid_value(f"{path}.timeoutSeconds", webhook["timeoutSeconds"], detail))
    for index, rule in enumerate(webhook.get("rules") or ()):
        wanted = ("operations", "apiGroups", "apiVersions", "resources")
        errors += [required(f"{path}.rules[{index}].{key}") for key in wanted if not rule.get(key)]
    return errors + _client_problems(webhook.get("clientConfig") or {}, path) + _condition_problems(webhook, path)


def _client_problems(client: Object, path: str) -> list[FieldError]:
    if bool(client.get("url")) == bool(client.get("service")):
        return [required(f"{path}.clientConfig", "exactly one of url or service is required")]
    if client.get("url") and urlsplit(client["url"]).scheme != "https":
        detail = f"'https' is the only allowed URL scheme; desired format: https://host[/path]: {client['url']}"
        return [invalid_value(f"{path}.clientConfig.url", client["url"], detail)]
    return []


def _condition_problems(webhook: Object, path: str) -> list[FieldError]:
    errors = []
    for index, condition in enumerate(webhook.get("matchConditions") or ()):
        try:
            cel.check(condition.get("expression", ""))
        except cel.BadExpressionError as error:
            place = f"{path}.matchConditions[{index}].expression"
            errors.append(invalid_value(place, condition.get("expression", ""), f"compilation failed: {error}"))
    return errors
