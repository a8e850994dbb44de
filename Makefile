# `make demo` runs the main job, `make test` the tests; each sets up everything it needs, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
READY := $(VENV)/.ready

.PHONY: setup demo test check wheel format docs pictures mini first-backbones distilled exports seeds ablations bridge results clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/vicp demo --out demo

# Two test files at a time, a core each.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(MAKE) test wheel

# Wheel and sdist in dist/, and the wheel tried where nothing else is.
wheel: $(READY)
	.ci/try-wheel $(BIN)/python

# The pages that are written by programs, then the site in site/; no network.
docs: $(READY)
	$(BIN)/python -m typer vicp.cli utils docs --name vicp --output docs/cli.md
	$(BIN)/python docs/draw_architecture.py
	$(BIN)/python docs/write_python_page.py
	$(BIN)/python docs/write_openapi.py
	$(BIN)/python docs/write_rest_page.py
	$(BIN)/sphinx-build --fail-on-warning --quiet -c docs . site
	@echo "The site is built: open site/index.html"

# The pictures of docs/page.md, which a browser test takes; needs Chromium.
pictures: $(READY)
	VICP_PICTURES=1 $(BIN)/pytest -q tests/service/test_pictures.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The shipped checkpoint again from nothing: hours on two cores, of which a GPU takes most away; it goes on
# where it was stopped.
# PHOTOS=file.parquet adds natural photos (a column `image` of encoded bytes), BACKBONE_PHOTOS=file.parquet others for the
# backbone, LABELLED=file.parquet a photo table.
BACKBONE_PHOTOS ?= $(PHOTOS)
NATURAL = $(if $(PHOTOS),episodes.natural_photos=$(PHOTOS))
first-backbones: $(READY)
	$(BIN)/vicp pretrain --resume --config configs/mini/first-backbone.yaml \
		$(if $(BACKBONE_PHOTOS),pretrain.photos=$(BACKBONE_PHOTOS))
	$(BIN)/vicp pretrain --resume --config configs/mini/backbone.yaml \
		$(if $(BACKBONE_PHOTOS),pretrain.photos=$(BACKBONE_PHOTOS))

LABEL = $(if $(LABELLED),episodes.labelled_photos=$(LABELLED))
mini: distilled
	for step in first-reader first-joint reader tokens joint refinement; do \
		case $$step in tokens|refinement) label="$(LABEL)";; *) label=;; esac; \
		$(BIN)/vicp train --resume --config configs/mini/$$step.yaml $(NATURAL) $$label || exit 1; \
	done

# The shipped backbone for photos again from nothing, an hour more on one core: DISTILLED_PHOTOS=first.parquet::2,second.parquet
# are the photos that the teacher looks at (file:column:crops:most, the last three may be left out).
distilled: first-backbones
	$(BIN)/vicp pretrain --resume --config configs/mini/distilled-backbone.yaml 'distill.photos=[$(DISTILLED_PHOTOS)]'

# The packaged checkpoints as ONNX again, for the engine without PyTorch: after either has been trained anew.
exports: $(READY)
	$(BIN)/python -m vicp.runtime.export.packaged

# The shipped checkpoint's training again with other seeds, on its backbone, each with a static prompt, and the Triplet
# baseline: what intervals over training seeds are made of. PHOTOS and LABELLED as above;
# MORE="model.generator=set_transformer" NAME=set-transformer SEEDS=0 puts a set transformer in the LLM's place.
SEEDS ?= 1 2
NAME ?= seed
TRAIN = $(BIN)/vicp train --resume
seeds: first-backbones
	for seed in $(SEEDS); do out=runs/mini/$(NAME)-$$seed; \
		$(TRAIN) --config configs/mini/first-reader.yaml seed=$$seed out=$$out/first-reader $(NATURAL) $(MORE) && \
		$(TRAIN) --config configs/mini/first-joint.yaml seed=$$seed train.start=$$out/first-reader/last \
			out=$$out/first-joint $(NATURAL) $(MORE) && \
		$(TRAIN) --config configs/mini/reader.yaml seed=$$seed train.start=$$out/first-joint/last train.backbone=mini \
			out=$$out/reader $(NATURAL) $(MORE) && \
		$(TRAIN) --config configs/mini/tokens.yaml seed=$$seed train.start=$$out/reader/last out=$$out/tokens \
			$(NATURAL) $(LABEL) $(MORE) && \
		$(TRAIN) --config configs/mini/joint.yaml seed=$$seed train.start=$$out/tokens/last out=$$out/joint \
			$(NATURAL) $(MORE) && \
		$(TRAIN) --config configs/mini/refinement.yaml seed=$$seed train.start=$$out/joint/last out=$$out/refinement \
			$(NATURAL) $(LABEL) $(MORE) && \
		$(TRAIN) --config configs/mini-baselines/static-per-layer.yaml seed=$$seed \
			out=runs/mini-baselines/static-$$seed && \
		$(BIN)/python -m benchmarks.checkpoint.static_prompt --static runs/mini-baselines/static-$$seed/last \
			--model $$out/refinement/last || exit 1; \
	done
	$(TRAIN) --config configs/mini-baselines/triplet.yaml out=runs/mini-baselines/triplet $(NATURAL)

# What each choice is worth, three seeds each: hours on two cores; goes on where it was stopped. PHOTOS as above.
ABLATE = $(BIN)/vicp ablate --seeds 3 $(NATURAL)
# The paper's layout and losses: [I_i; I_j; L] with 32 latents, longer.
PLAIN = model.num_latents=32 model.compare_in_context=false model.readout_latent=false model.metric_rank=0 \
	train.pair_weight=0 train.agreement_weight=0 train.contrastive_weight=0 episodes.contexts=3 \
	episodes.pairs=[0,4,8,16,16] train.warmup_steps=1200 train.joint_steps=100 train.save_every=400
TOKENS = model.metric_rank=0 train.fresh=[prompt_slots,head,metric_head]
# For variants that emit a metric beside the prompt tokens: 1,000 steps with prompted photos where joint.yaml has 150.
LONGER = train.joint_steps=1000 train.save_every=250
ablations: $(READY)
	for seed in 0 1 2; do $(BIN)/vicp train --resume --config configs/mini/ablation-reader.yaml seed=$$seed \
		out=runs/ablations/reader/seed-$$seed $(NATURAL) || exit 1; \
	done
	$(ABLATE) --config configs/mini/ablation.yaml --runs runs/ablations/generator --out results/ablations/generator \
		--each train.pair_weight=0 --each model.freeze_reasoner=true --each model.compare_in_context=false \
		--each "train.warmup_steps=0 train.joint_steps=300 train.save_every=150" \
		--each model.generator=set_transformer --each model.readout_latent=false --each "$(PLAIN)"
	$(ABLATE) --config configs/mini/ablation-joint.yaml --runs runs/ablations/joint --out results/ablations/joint \
		--each model.freeze_reasoner=false --each train.distil_weight=1 --each "$(TOKENS)" \
		--each "$(TOKENS) train.distil_weight=1" --each "$(TOKENS) train.joint_steps=150 train.save_every=150" \
		--each "$(TOKENS) model.num_prompts=48" --each "$(TOKENS) model.prompts_per_layer=false" \
		--each "episodes.same_shares=[0.125,0.25,0.5,0.5,0.75]"
	for seed in 0 1 2; do $(TRAIN) --config configs/mini/reader.yaml seed=$$seed train.backbone=mini \
		out=runs/ablations/tokens-reader/seed-$$seed $(NATURAL) || exit 1; \
	done
	$(ABLATE) --config configs/mini/ablation-tokens.yaml --runs runs/ablations/tokens --out results/ablations/tokens \
		--each model.num_prompts=48 \
		--each "model.metric_rank=192 train.fresh=[] train.warmup_steps=600 $(LONGER)" \
		--each "model.metric_rank=192 train.fresh=[metric_head] \
		train.start=runs/ablations/tokens/base/seed-\$${seed}/last $(LONGER)"

# The refinement step of `make mini` and `make seeds` by the losses that it had before, beside those that it has.
OTHER_LOSS = train.smooth_ap_weight=0 train.contrastive_weight=1 train.identity_weight=1
bridge: $(READY)
	for seed in 0 1 2; do joint=runs/mini/seed-$$seed/joint/last; [ $$seed != 0 ] || joint=runs/mini/joint/last; \
		$(TRAIN) --config configs/mini/refinement.yaml seed=$$seed train.start=$$joint out=runs/bridge/contrastive-$$seed \
			$(NATURAL) $(if $(LABELLED),episodes.labelled_photos=$(LABELLED)) $(OTHER_LOSS) || exit 1; \
	done
	$(BIN)/python -m benchmarks.ablations.bridge $(if $(CHOICE),--sets $(CHOICE)) $(if $(SEEN),--seen $(SEEN)) \
		--variant Smooth-AP mini runs/mini/seed-1/refinement/last runs/mini/seed-2/refinement/last \
		--variant "triplet and contrastive" $(foreach seed,0 1 2,runs/bridge/contrastive-$(seed)/last)

# The evidence, hours of it; goes on where it was stopped. A checkpoint per training seed; SETS is a folder of Parquet
# tables, SEEN those of them that training saw, CHOICE files of sets that settings are chosen on, RUNS the runs whose
# training curves are drawn.
CHECKPOINTS ?= mini
SET_TRANSFORMER ?=
TRIPLET ?=
SETS ?=
SEEN ?=
CHOICE ?=
RUNS ?= reader=src/vicp/checkpoints/mini/reader.jsonl joint=src/vicp/checkpoints/mini/joint.jsonl
results: $(READY)
	$(BIN)/python -m benchmarks.checkpoint.training_curves $(RUNS)
	$(BIN)/python -m benchmarks.checkpoint.run --checkpoint $(firstword $(CHECKPOINTS)) --runs src/vicp/checkpoints/mini/joint.jsonl
	$(BIN)/python -m benchmarks.ablations.parts --checkpoints $(CHECKPOINTS)
	$(BIN)/python -m benchmarks.ablations.choice $(if $(CHOICE),--sets $(CHOICE)) $(if $(SEEN),--seen $(SEEN))
	$(BIN)/python -m benchmarks.ablations.selection --checkpoints $(CHECKPOINTS) $(if $(CHOICE),--sets $(CHOICE)) \
		$(if $(SEEN),--seen $(SEEN))
	$(BIN)/python -m benchmarks.context.run --checkpoints $(CHECKPOINTS) \
		$(if $(SET_TRANSFORMER),--set-transformer $(SET_TRANSFORMER)) $(if $(TRIPLET),--triplet $(TRIPLET)) \
		$(if $(SETS),--sets $(SETS)) $(if $(SEEN),--seen $(SEEN))
	$(MAKE) ablations bridge

clean:
	rm -rf $(VENV) demo site docs/examples .pytest_cache .mypy_cache .ruff_cache .hypothesis
