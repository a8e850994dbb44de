"""Share prompts: write one with its card into a repository of the hub or a folder, and fetch one from there."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, snapshot_download

from vicp.adapt.checkpoints import is_hub_name
from vicp.adapt.prompt import Prompt
from vicp.adapt.prompt_card import prompt_card
from vicp.errors import ConfigError, PromptError
from vicp.io import atomic_write
from vicp.model.loading.hub import load_local_first

ENDING = ".prompt.safetensors"


def push_prompt(path: Path, target: str, *, private: bool = True) -> str:
    """Write a prompt and its card, and return where: the address of a repository, or a folder.

    Args:
        path: The prompt's file.
        target: A hub name, OWNER/NAME, whose repository is made if it is not there; or a folder.
        private: A repository that is made is seen by its owner alone.

    Raises:
        PromptError: The file is missing, damaged or no prompt.
        ConfigError: The hub cannot be reached, or does not allow it; or the folder cannot be written.
    """
    prompt = Prompt.load(path)
    name = path.name if path.name.endswith(ENDING) else f"{path.stem}{ENDING}"
    base_model = prompt.model if prompt.model is not None and is_hub_name(prompt.model) else None
    files = {name: path.read_bytes(), "README.md": prompt_card(prompt, file=name, base_model=base_model).encode()}
    try:
        if not is_hub_name(target):
            _write(Path(target), files)
            return target
        with TemporaryDirectory() as folder:
            _write(Path(folder), files)
            api = HfApi()
            api.create_repo(target, private=private, exist_ok=True)
            api.upload_folder(repo_id=target, folder_path=folder, commit_message=f"Prompt for {prompt.category}")
    except (OSError, ValueError) as error:  # huggingface_hub's errors are of these kinds
        raise ConfigError(f"{target}: the prompt cannot be written there ({_first_line(error)})") from error
    return f"{HfApi().endpoint}/{target}"


def pull_prompt(source: str) -> tuple[Prompt, bytes]:
    """Return the prompt of a repository or folder, and the content of its file; the cache comes before the hub.

    Args:
        source: A hub name, OWNER/NAME, or a folder.

    Raises:
        ConfigError: There is no such folder, or the hub cannot be reached and the cache does not have it.
        PromptError: It holds no prompt, or several, or a damaged one.
    """
    if is_hub_name(source):
        try:
            fetch = partial(snapshot_download, source, allow_patterns=[f"*{ENDING}"])
            folder = Path(load_local_first(fetch, source))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{source}: no prompt can be had from there ({_first_line(error)})") from error
    else:
        folder = Path(source)
        if not folder.is_dir():
            raise ConfigError(f"{source}: no such folder, and no hub name, which is OWNER/NAME")
    found = sorted(folder.glob(f"*{ENDING}"))
    if len(found) != 1:
        names = f": {', '.join(file.name for file in found)}" if found else ""
        raise PromptError(f"{source}: {len(found)} files *{ENDING}, expected one{names}")
    return Prompt.load(found[0]), found[0].read_bytes()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with atomic_write(folder / name) as part:
            part.write_bytes(content)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
