"""The training loop: step, log, validate, save; the same for VICP and every baseline."""

import logging
import math
import time
from dataclasses import replace
from pathlib import Path

from vicp.config import RunConfig
from vicp.config_files import dump_config
from vicp.train.episodes.prefetch import prefetch
from vicp.train.logging import MetricLogger, training_bar
from vicp.train.run import start_run
from vicp.train.signals import stop_on_signals
from vicp.train.state import TrainState, check_is_new, check_same_settings

logger = logging.getLogger(__name__)


def train(config: RunConfig, *, resume: bool = False, bar: bool = False) -> Path:
    """Train what `train.method` says and returns the folder of the best checkpoint.

    Under `out`: `best` and `last` (what users load), `train.pt` (to go on from), `train.yaml`, `train.jsonl`,
    `curves` (TensorBoard).

    Args:
        config: The run's.
        resume: Go on from the last saved step; from the start where there is none.
        bar: Show a progress bar, where there is a terminal.

    Raises:
        ConfigError: Settings that contradict each other, or a folder that holds another run.
        DataError: Photos that cannot be used.
        WeightsError: A checkpoint that does not fit, is damaged or cannot be written.
        StoppedError: SIGINT or SIGTERM came; the run is saved.
    """
    settings, out = config.train, Path(config.out)
    if resume:
        check_same_settings(config, out / "train.yaml")
    else:
        check_is_new(out)
    run = start_run(config)
    method, main = run.method, run.accelerator.is_main_process
    state = run.resume() if resume else TrainState()
    run = replace(run, module=run.accelerator.prepare_model(method.module))
    if main:
        dump_config(config, out / "train.yaml")
    with (
        stop_on_signals() as stop,
        training_bar(f"training {settings.method}", method.num_steps, visible=bar and main) as show,
        MetricLogger(out, run.accelerator, start=state.step, show=show) as track,
    ):
        untrained = run.validate(0) if state.step == 0 else {}
        if untrained:
            track.write(0, untrained)
        clock, end = time.monotonic(), state.step if state.over(settings.patience) else method.num_steps
        for step, batches in prefetch(method.sample, state.step, end):
            numbers, done = run.take_step(step, batches, since=clock), step + 1
            (track.write if done % settings.log_every == 0 else track.show)(done, numbers)
            stopped = run.anyone(bool(stop))
            due, before = done % settings.save_every == 0 or done == method.num_steps, state
            state = replace(state, step=done)
            if due:
                check = run.validate(step)
                state = state.after(done, check["score"])
                track.write(done, check)
            if due or stopped:  # who stops a run may not wait for a validation
                run.save(state, improved=state.best != before.best)
            if stopped and done < method.num_steps:
                raise stop.error(done, method.num_steps, out)
            if state.over(settings.patience):
                logger.info("step %d: the last %d validations were no better, so this is the end", done, state.stale)
                break
            clock = time.monotonic()
        if state.best is not None and state.best <= untrained.get("score", -math.inf):
            logger.warning(
                "no validation was better than the start's, %.1f: the run has not helped", untrained["score"]
            )
        return run.finish(state)
