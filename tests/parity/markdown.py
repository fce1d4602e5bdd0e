"""docs/parity.md: the tables of a run of run_all.py and the words around them."""
import pathlib

import peft
import torch
import transformers
import trl

HEAD = """# Agreement with the peers

Written by `./dev parity --markdown docs/parity.md`: torch {torch}, transformers {transformers}, peft {peft}, trl {trl}; all in fp32 on
the CPU. {passed} passed, {failed} failed. Log-probs and scores: largest absolute difference. Losses: absolute, gradient norms
and learning rates: relative.
"""

SECTIONS = {
    "models": ("Models, adapters", "Per-token log-probs of random two-layer models; one sequence at a time, and padded by transformers with "
               "different pad ids while una packs."),
    "adapter": ("Adapters trained by una, in PEFT", ""),
    "adapter_kinds": ("Adapters of other kinds", "DoRA, rsLoRA, rank and alpha patterns, chosen layers, modules saved whole and biases: made "
                      "by PEFT and read by `una score`; trained by `una dpo` and read by PEFT; merged by `una merge`."),
    "reward": ("Reward models trained by una", "`una reward`, `una merge`; loaded by transformers and PEFT."),
    "reward_models": ("Reward-model folders", "`una score` with the folder's own tokenizer and template, next to "
                      "`AutoModelForSequenceClassification` on padded batches of what `apply_chat_template` renders."),
    "vllm": ("Folders and vLLM's loader", "What una writes next to the rules of vLLM 0.33's loader (tests/parity/vllm_rules.py, each with the "
             "file and function of vLLM it was read from; vLLM itself does not run here): config.json, architecture, the files that are "
             "picked, index, every name and shape, dtype, tokenizer, template, generation defaults; of adapters kind, names, ranks and "
             "the scale, which together with the base must give una's merge. Adapters that vLLM refuses are merged and serve so "
             "([adapters.md](adapters.md))."),
    "server": ("A running vLLM that samples", "`una rloo`, `una_online` and `ppo` with `--sampling_endpoint`, eight rounds of 16 answers "
               "each (tests/parity/vllm_server.py); the adapter is renewed by the script of [online.md](online.md). Gap: log-prob of a sampled "
               "token by vLLM and by una (fp32), the worst of all rounds. Prompts come again, with a beginning in common that fills a block "
               "of vLLM's prefix cache. Then what must stop or warn."),
    "gguf": ("GGUF files in llama.cpp", "Random models of two layers and more, some with a PEFT adapter, written by `una export` and read by llama-cpp-python "
             "(keys and values in F32) and by the gguf package. F16, BF16 and Q8_0: llama.cpp rounds the activations before a matrix to its type "
             "(F16: in some kernels), and the oracle (transformers on the stored weights) does the same; summation order is left, and for BF16 "
             "and Q8_0 an activation now and then that falls on the other side of a rounding and moves logits by hundredths; the nearest case has "
             "none. A greedy token may differ only where the oracle's two best logits are within the gap. "
             "Gelu is a table of half-precision numbers there, in the oracle too; F32 has a wider limit for the families that use it. "
             "\"The adapter alone\": the exported base with the file of `--adapter_only`, next to the merged weights (plain, and rsLoRA "
             "with patterns). Tokenizers: llama.cpp's tokens of texts, compared with those of the tokenizers library."),
    "steps": ("Twenty optimiser steps", "The demo's start model, a start adapter with B not zero (its frozen copy is the reference on both "
              "sides), 40 rows in file order, four times over; weight decay 0.02, betas 0.85 and 0.97, epsilon 1e-6, clip 0.8, "
              "warm-up, learning rate 1e-2 at its peak. DPO, KTO and reward models: TRL's own trainer classes, unchanged, on the "
              "same text rows. UNA: the paper's equations in PyTorch with transformers, PEFT and torch.optim "
              "(tests/parity/trajectories.py). The loss must fall by 30 %, but where a z0 above 0 is the point."),
}

NOTES = """Where TRL's definition and ours differ, the comparison is made where both coincide:

| | TRL 1.16 | una | compared |
|---|---|---|---|
| accumulation | mean of the micro-batches' means | one mean over the step | equal numbers of pairs in each micro-batch |
| KTO's z0 | answer of the row before, in the device batch; a clamp for each device batch | answers of the whole step, shifted by prompt ids, never one's own prompt; one clamp | no accumulation; rows of a batch with distinct prompts in descending order of ids: the same pairs |
| position of the reward | last token that is not the pad id; without a pad token TRL pads with EOS and so reads one token before the EOS | last token of the sequence | a pad token that is not EOS |
| prompt and answer | tokenised together | plain rows in parts | rows on which both agree (the ids are compared) |
| chat rows of reward models | as the template ends | the end token behind it where the template writes none (training); as the template ends (`una score`) | templates that end in the end token |

The same steps, recorded with ids handed over, run in the suite: `train.trajectory` (tests/data/trajectories, made by
tests/parity/record_trajectories.py). Log-probs, the gradient of every parameter, greedy tokens and a PEFT adapter's gradients are
recorded by tests/parity/model_fixtures.py and compared in `model.parity`; adapters of every kind by
tests/parity/adapter_fixtures.py, compared in `model.adapter_parity`.
"""

TOKENIZERS = """## Tokenizers and chat templates

{text}

The oracle is `PreTrainedTokenizerFast(tokenizer_file=...)`. `AutoTokenizer` may rebuild parts of the file: its `LlamaTokenizer` gives
other ids for texts that begin or end with a space (llama2, mistral), its `GPT2Tokenizer` for characters such as \u00b2 and \u00bd
(smollm2). una follows the file.
"""

INVARIANCES = """## What must not change a result, and the test that holds it

| invariance | test (`ctest -R`) |
|---|---|
| packed = one by one | `model.model` PackedSequencesEqualEachOnItsOwn; `reward.reward_model` ScoresDoNotDependOnTheBatchAndKeepTheOrder |
| packed = padded by transformers | this page, Models; Reward-model folders; Twenty steps |
| a shared prompt = each with its own | `model.model` ASharedPromptGivesTheSameLogProbsAndGradients |
| any cut into micro-batches, each method | `train.invariance` TheTokenBudgetDoesNotMatter; `train.step_runner` AnyCutIntoMicroBatchesGivesTheSameLossAndGradient |
| batch 8 = 8 times 1 accumulated | `integration.train` test_batch_8_is_8_times_1_accumulated_and_checkpointing_changes_nothing |
| gradient checkpointing on = off, bit for bit | `model.checkpointing`; `train.invariance` GradientCheckpointingChangesNoBit |
| cached = live reference, bit for bit | `train.reference`; `train.invariance` ACachedReferenceGivesTheStepOfALiveOne; `integration.invariances` |
| pad id none, EOS or another | `integration.invariances` test_the_pad_id_changes_nothing; `reward.reward_model` APadIdEqualToTheEndTokenChangesNothing |
| order of rows within a step | `train.invariance` TheOrderOfRowsWithinAStepDoesNotMatter; `data.pack`, `data.kl_rows` |
| mixed batch = weighted sum of its parts | `train.invariance` AMixedBatchIsTheWeightedSumOfItsParts |
| resumed at any step = straight run, bit for bit | `integration.invariances` test_resuming_at_any_step_equals_the_straight_run; `integration.resume` (killed); `data.step_stream` |
| merged = base plus adapter | `model.lora` MergedWeightsSayWhatTheAdapterSays; `integration.invariances`; `una merge` itself |
| PEFT round trip | `model.lora` SavedAndLoadedAdaptersAreEqual; `integration.invariances` (bit for bit); this page |
| reward-head round trip | `model.lora` ARewardAdapterCarriesItsScore; `model.score_bias`; `integration.invariances`; this page |
| adapters of one model do not meet | `model.adapter_parity` SeveralAdaptersOfOneModelDoNotMeet |
| the reference of every start, by hash | `integration.reference` |
| LoRA with B = 0 is the base, bit for bit | `model.lora` AFreshAdapterLeavesEveryBitOfTheBase |
| gradients with B perturbed = autograd's through PEFT | `model.parity` AdapterLogProbsAndGradientsEqualPeft; `model.finite_differences` |
"""


def write(path, tally, text_line):
    parts = [HEAD.format(torch=torch.__version__, transformers=transformers.__version__, peft=peft.__version__, trl=trl.__version__,
                         passed=tally.passed, failed=tally.failed)]
    for key, (title, words) in SECTIONS.items():
        lines = tally.lines.get(key, ["| not compared in this run | | | |"])
        parts += [f"## {title}\n" + (f"\n{words}\n" if words else ""),
                  "\n".join(["| compared | largest difference | limit | |", "|---|---|---|---|", *lines]) + "\n"]
    pathlib.Path(path).write_text("\n".join([*parts, NOTES, TOKENIZERS.format(text=text_line), INVARIANCES]))
