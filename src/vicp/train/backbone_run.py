"""The start of a run that makes a backbone, whether by pretraining or by distillation."""

from collections.abc import Sequence
from pathlib import Path

from vicp.config import RunConfig
from vicp.config_files import dump_config
from vicp.errors import ConfigError
from vicp.train.config_checks import check_ranges
from vicp.train.state import check_is_new, check_same_settings
from vicp.train.unused_settings import OF_PRETRAINING, log_unused

SETTINGS = "pretrain.yaml"


def start_backbone_run(config: RunConfig, saved: Sequence[str], *, resume: bool) -> Path:
    """Return the folder of a run, whose settings are checked and written there.

    Args:
        config: The run's.
        saved: What such a run leaves in its folder, and a new one would overwrite.
        resume: Go on from the last saved step; from the start where there is none.

    Raises:
        ConfigError: A setting out of range, a backbone that has weights already or is of another family, or a folder
            that holds another run.
    """
    check_ranges(config)
    if config.model.backbone.source is not None or config.model.backbone.family != "dinov2":
        raise ConfigError("model.backbone: it starts from nothing; expected family dinov2 and no source")
    out = Path(config.out)
    if resume:
        check_same_settings(config, out / SETTINGS)
    else:
        check_is_new(out, saved)
    log_unused(config, OF_PRETRAINING)
    dump_config(config, out / SETTINGS)
    return out
