"""``tamlil models``: what there is, what is here, and whether its bytes are right."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gpu_job.models.cache import ModelStatus, list_models, verify
from shared.domain.model_policy import ModelPolicy
from shared.models.policy import chosen_for
from shared.models.registry import DEFAULT_MODELS, find_model
from shared.settings import Settings
from tamlil import console, parameters
from tamlil.needs import pull_models

app = typer.Typer(no_args_is_help=True, help="List, pull and verify model weights.")

_COLUMNS = ("name", "kind", "size", "state", "chosen for", "title", "licence")
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")]


@app.command("list")
def list_command(as_json: parameters.Json = False) -> None:
    """List the models that Tamlil knows, and whether they are on this machine."""
    with console.errors_told():
        settings = Settings()
        found = list_models(settings.models_dir)
    policy = settings.model_policy
    if as_json:
        chosen = [{"chosen_for": chosen_for(policy, status.spec.name)} for status in found]
        documents = [_document(status) for status in found]
        console.print_json([one | two for one, two in zip(documents, chosen, strict=True)])
        return
    console.print_rows(_COLUMNS, [_row(status, policy) for status in found], empty="No models.")


@app.command()
def pull(names: Names = None, quiet: parameters.Quiet = False) -> None:
    """Pull models, the default ones without a name; every byte is checked."""
    with console.errors_told():
        settings = Settings()
        found = pull_models(
            names or DEFAULT_MODELS, settings.models_dir, quiet=quiet, hf_token=settings.hf_token
        )
    for name, path in found.items():
        console.print_rows(("model", "folder"), [(name, str(path))], empty="")


@app.command("verify")
def verify_command(names: Names = None, as_json: parameters.Json = False) -> None:
    """Hash the files of models again; without a name, of all that are here."""
    with console.errors_told():
        models_dir = Settings().models_dir
        if names:
            wanted = [find_model(name).name for name in names]
        else:
            wanted = [status.spec.name for status in list_models(models_dir) if status.files]
        if not wanted:
            console.fail("no model is here yet; get the default ones with: tamlil models pull")
        checked = [verify(name, models_dir) for name in wanted]
    if as_json:
        console.print_json([_document(status) for status in checked])
    else:
        rows = [(status.spec.name, _verdict(status)) for status in checked]
        console.print_rows(("name", "result"), rows, empty="")
    if not all(status.installed for status in checked):
        raise typer.Exit(console.FAILURE)


def _row(status: ModelStatus, policy: ModelPolicy) -> tuple[str, ...]:
    spec = status.spec
    state = ("here" if status.installed else "damaged") if status.files else "not pulled"
    return (
        spec.name,
        spec.kind,
        console.size_text(spec.size_bytes),
        state,
        _choice(status, policy),
        spec.title,
        spec.licence,
    )


def _choice(status: ModelStatus, policy: ModelPolicy) -> str:
    """For what the model is taken when a request names none."""
    name = status.spec.name
    if name == policy.default:
        return "all languages"
    languages = ", ".join(chosen_for(policy, name))
    return f"{languages} (once pulled)" if languages and not _sure(status, policy) else languages


def _sure(status: ModelStatus, policy: ModelPolicy) -> bool:
    return policy.pulled or status.installed


def _verdict(status: ModelStatus) -> str:
    if not status.files:
        return "not pulled"
    wrong = [f"{file.path}: {file.detail}" for file in status.files if not file.ok]
    return "; ".join(wrong) if wrong else "ok"


def _document(status: ModelStatus) -> dict[str, Any]:
    spec = status.spec
    return {
        "name": spec.name,
        "kind": spec.kind,
        "title": spec.title,
        "licence": spec.licence,
        "size_bytes": spec.size_bytes,
        "default": spec.default,
        "installed": status.installed,
        "path": str(status.path) if status.files else None,
        "problems": [f"{file.path}: {file.detail}" for file in status.files if not file.ok],
    }
