"""Executes a Study: trains the runs that are missing, captures beside training, stores each run when it is finished."""

import contextlib
import functools
import itertools
import time
import warnings
from collections import defaultdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from spectrax import keys, training
from spectrax.captures.moment import Moment
from spectrax.checkpoint import Checkpoint
from spectrax.matrices import views
from spectrax.models.network import Network
from spectrax.narrowing import SETTING
from spectrax.pool import CapturePool
from spectrax.recording import Recorder, RunRecord, capture_all
from spectrax.setting import Setting
from spectrax.store import Store
from spectrax.study import Study


def train_all(study: Study, points, store: Store, *, progress=None, workers=None, finished=0) -> dict:
    """Trains and captures the given runs; returns {"runs", "seconds", "training_seconds", "workers", "mapping"}.

    Runs are taken replicate by replicate, setting by setting, optimizer by optimizer; with several devices (or
    `batching`) as many rates side by side as there are devices (or as batching says). A run of minutes leaves
    checkpoints, from which the same command goes on. See sweep.run.
    """
    begun, steps = time.perf_counter(), len(study.steps)
    total = (len(points) + finished) * steps
    bar = progress(total, finished * steps) if progress else contextlib.nullcontext()
    clock = Clock()
    recorder = Recorder(store)
    trainers: dict[str | None, _Trainer] = {}
    with bar as shown:
        try:
            with CapturePool(workers) as pool:
                used = pool.workers
                for (replicate, setting), group in itertools.groupby(points, key=_replicate_and_setting):
                    if setting not in trainers:
                        trainers[setting] = _Trainer(study, study.setting(setting), store, clock)
                    trainers[setting].replicate(replicate, list(group), pool, recorder, shown)
        finally:
            recorder.close()
    return {
        "runs": len(points),
        "seconds": time.perf_counter() - begun,
        "training_seconds": clock.seconds,
        "workers": used,
        "mapping": _mapping(study),
    }


def _replicate_and_setting(point):
    return point["replicate"], point.get(SETTING)


def _devices(study) -> tuple:
    return tuple(jax.devices()) if jax.device_count() > 1 and study.batching == 1 else ()


def _mapping(study) -> str:
    if devices := _devices(study):
        return f"shard_map over {len(devices)} devices"
    return f"vmap of {study.batching}" if study.batching > 1 else "separate runs"


class _Trainer:
    """What lives as long as the session, for one setting: the network, one program per optimizer."""

    def __init__(self, study: Study, setting: Setting, store: Store, clock: "Clock"):
        self.study, self.setting, self.store, self.clock = study, setting, store, clock
        self.devices = _devices(study)
        self.side_by_side = len(self.devices) or study.batching
        self.programs: dict[str, training.Program] = {}
        self.network: Network | None = None
        self.needs_update = any(c.uses_update for c in study.captures)
        self.trace = study.steps[-1] + int(self.needs_update)
        last = setting.last_step
        self.steps = [s for s in study.steps if last is None or s <= last]

    def replicate(self, replicate, points, pool, recorder, shown):
        """All missing runs of one replicate: data and initial weights drawn once, step 0 captured once."""
        study = self.study
        data = self.setting.task.draw(keys.stream(study.seed, "data", replicate))
        if self.network is None:
            self.network = Network.of(self.setting.model, data.train.x)
        params, rest = self.network.init(keys.stream(study.seed, "init", replicate))
        seen = views(params)
        self.groups = self._noted_groups(seen)
        by_optimizer = defaultdict(list)
        for point in points:
            by_optimizer[point["optimizer"]].append(point)
        shared = None
        for name, runs in by_optimizer.items():
            program = self._program(name)
            first = training.start(
                params,
                rest,
                program=program,
                samples=data.train.x.shape[0],
                trace=self.trace + 1,
                key=keys.stream(study.seed, "shuffle", replicate),
            )
            if shared is None:
                begin = Moment(_light(first), data, program, seen, leading=study.leading, initial=params)
                shared = _Start(begin, study, pool)
            for chunk in _chunks(runs, self.side_by_side):
                self._train(chunk, first, data, program, seen, shared, pool, recorder, shown)

    def _train(self, points, first, data, program, seen, shared, pool, recorder, shown):
        rates = [p["learning_rate"] for p in points]
        records = [RunRecord(p, self.study, seen, self.groups) for p in points]
        checkpoint = Checkpoint(self.store.folder, points[0]) if self.side_by_side == 1 else None
        if self.steps[0] != 0:
            for record in records:
                record.reuse(0, shared.future)  # what is measured once, at a step 0 that isn't captured otherwise
        states = captured = self._spread(first, len(points))
        begun = -1
        if checkpoint is not None and (saved := checkpoint.load(first, records[0])):
            states, begun = saved
            captured = states
        step = 0
        for step in self.steps:
            if step > begun:
                states = captured = self._advance(states, rates, data, step, program, shared, checkpoint, records)
                following = states
                if self.needs_update:
                    following = self._advance(states, rates, data, step + 1, program, shared)
                for i, record in enumerate(records):
                    state, after = self._pick(states, i), self._pick(following, i) if self.needs_update else None
                    moment = Moment(_light(state), data, program, seen, after=_light(after), initial=first.params,
                                    leading=self.study.leading)
                    self._capture(record, moment, step, shared, pool)
                states = following
            if shown is not None:
                shown.advance(len(records))
            recorder.poll()
            if all(record.diverged for record in records):
                break
        left = len(self.study.steps) - 1 - self.study.steps.index(step)
        if shown is not None and left:
            shown.advance(left * len(records))
        for i, record in enumerate(records):
            last = training.whole_loss(self._pick(captured, i), data.train, program=program)
            record.end(self._pick(states, i), shared.loss, float(last))
            recorder.add(record, *([checkpoint.remove] if checkpoint is not None else []))

    def _capture(self, record, moment, step, shared, pool):
        if record.diverged or not bool(_finite(moment.state)):
            record.mark_diverged(step)
            return
        follows = moment.after is not None and bool(_finite(moment.after))
        if step == 0:
            record.reuse(step, shared.future)
            if shared.moment.step == 0 and follows:
                record.submit(
                    pool,
                    step,
                    shared.moment.followed_by(moment.after),
                    [c for c in self.study.captures if c.uses_update],
                )
            return
        wanted = [c for c in self.study.captures if not c.once and (follows or not c.uses_update)]
        record.submit(pool, step, moment, wanted)

    def _advance(self, states, rates, data, step, program, shared, checkpoint=None, records=()):
        """The states at a step; on the way, where it is long, checkpoints."""
        at = int(np.max(states.step))
        with self.clock:
            if at == 0 < step and program.batch is None and self.study.batching == 1:
                states, at = self._first_step(states, rates, program, shared), 1
            while at < step:
                count = step - at if checkpoint is None else min(step - at, checkpoint.stride(at))
                if self.side_by_side == 1:
                    states = training.advance(states, rates[0], data.train, count, program=program)
                else:
                    padded = rates + [rates[-1]] * (self.side_by_side - len(rates))
                    states = training.advance_many(
                        states,
                        padded,
                        data.train,
                        count,
                        program=program,
                        devices=self.devices,
                        vectorised=self.study.batching > 1,
                    )
                jax.block_until_ready(states)
                at += count
                if checkpoint is not None and at < step and checkpoint.due():
                    checkpoint.save(states, records[0])
        return states

    def _first_step(self, states, rates, program, shared):
        """The states at step 1, by one path whatever the number of devices: see the bits of training.step_along."""
        alone = self.side_by_side == 1
        start = states if alone else jax.tree.map(lambda a: a[0], states)  # uncommitted: free to go to all devices
        ends = [training.step_along(start, rate, shared.gradient, program=program) for rate in rates]
        ends += ends[-1:] * (self.side_by_side - len(ends))
        return jax.block_until_ready(ends[0] if alone else jax.tree.map(lambda *a: jnp.stack(a), *ends))

    def _spread(self, state, runs):
        if self.side_by_side == 1:
            return state
        return jax.tree.map(lambda a: jnp.stack([a] * self.side_by_side), state)

    def _pick(self, states, i):
        if self.side_by_side == 1:
            return states
        return jax.device_put(jax.tree.map(lambda a: a[i], states), jax.devices()[0])

    def _program(self, name):
        if name not in self.programs:
            assert self.network is not None
            assert self.setting.optimizers is not None
            self.programs[name] = training.Program(
                self.network, self.setting.optimizers[name], self.setting.task.loss, self.setting.project
            )
        return self.programs[name]

    def _noted_groups(self, seen) -> dict[tuple[int, int], str]:
        """The store's group for each shape of matrix, one more where another setting names its matrices otherwise."""
        known = self.store.header.get("matrices", {})
        names, groups = defaultdict(list), {}
        for view in seen:
            names[view.shape].append(view.name)
        for shape, own in names.items():
            plain = "x".join(map(str, shape))
            candidates = itertools.chain([plain], (f"{plain} ({k})" for k in itertools.count(2)))
            groups[shape] = next(group for group in candidates if known.get(group, own) == own)
        noted = {**known, **{groups[shape]: own for shape, own in names.items()}}
        if self.store.header.get("matrices") != noted:
            self.store.note(matrices=noted)
        if not seen:
            warnings.warn(
                "the model has no trained matrix with both sides above 1: only network captures are taken.",
                stacklevel=2,
            )
        return groups


class Clock:
    """Seconds spent inside its `with` blocks."""

    def __init__(self):
        self.seconds = 0.0

    def __enter__(self):
        self._begun = time.perf_counter()

    def __exit__(self, *_):
        self.seconds += time.perf_counter() - self._begun


class _Start:
    """Step 0 of a replicate: captured once for all its runs, its gradient taken once for those of full batch."""

    def __init__(self, moment, study, pool):
        self.moment = moment
        self.loss = float(training.whole_loss(moment.state, moment.data.train, program=moment.program))
        self.future = None
        wanted = [c for c in study.captures if not c.uses_update and (c.once or study.steps[0] == 0)]
        if wanted:
            self.future = pool.submit(capture_all, moment, wanted)

    @functools.cached_property
    def gradient(self) -> training.Gradient:
        return training.gradient(self.moment.state, self.moment.data.train, program=self.moment.program)


_finite = jax.jit(training.is_finite)


def _light(state) -> Any:
    """Without optimizer state: a moment waits in a queue, and Adam's moments would triple its memory."""
    return None if state is None else state._replace(opt_state=())


def _chunks(items, size):
    return [items[i : i + size] for i in range(0, len(items), size)]
