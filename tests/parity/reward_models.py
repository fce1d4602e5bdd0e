"""Live: reward-model folders made by transformers, scored by `una score` with the folder's own tokenizer and template, beside
transformers' AutoModelForSequenceClassification on padded batches of what apply_chat_template renders (fp32, 1e-4).

The three ways from a rendered conversation to ids are those of apply_chat_template(tokenize=True), of the GRM models' script
(BOS twice) and of Skywork's (the text's BOS taken off). The template writes the date, as Llama-3.2's does.
"""
import copy
import datetime
import json

import torch
import transformers.utils.chat_template_utils as chat_template_utils
from tokenizers.processors import TemplateProcessing
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig, LlamaForSequenceClassification,
                          MistralConfig, MistralForSequenceClassification, Qwen2Config, Qwen2ForSequenceClassification)

TEMPLATE = """{{- bos_token }}
{%- if strftime_now is defined %}{%- set today = strftime_now("%d %b %Y") %}{%- else %}{%- set today = "26 Jul 2024" %}{%- endif %}
{{- "Today: " + today + "\\n" }}
{%- for message in messages %}
{{- "# " + message['role'] + ":" + message['content'] | trim + eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}{{- "# assistant:" }}{%- endif %}
"""
SHAPE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512, num_labels=1)
# As GRM-Llama3.2's config.json: llama3 rope, tied embeddings, a pad token of its own as the last row, foreign fields.
GRM = {"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
                           "high_freq_factor": 4.0, "original_max_position_embeddings": 64}, "tie_word_embeddings": True}
MODELS = {"llama": (LlamaConfig, LlamaForSequenceClassification, GRM),
          "mistral": (MistralConfig, MistralForSequenceClassification, {"sliding_window": 11}),
          "qwen2": (Qwen2Config, Qwen2ForSequenceClassification, {})}


class FixedClock(datetime.datetime):
    day = datetime.datetime(2024, 7, 26)

    @classmethod
    def now(cls, tz=None):
        return cls.day


class RewardParity:
    def __init__(self, parity):
        self.parity, self.work = parity, parity.work
        self.tokenizer = copy.deepcopy(parity.tokenizer)
        self.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{self.tokenizer.bos_token} $A", special_tokens=[(self.tokenizer.bos_token, self.tokenizer.bos_token_id)])
        self.tokenizer.add_special_tokens({"pad_token": "[PAD]"})
        self.tokenizer.chat_template = TEMPLATE
        self.rows = [self.as_chat(i, row) for i, row in enumerate(parity.pairs)]
        self.path = self.work / "chat-pairs.jsonl"
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))

    def as_chat(self, i, row):
        """One turn, several, and a system prompt in turn."""
        before = [[], [{"role": "system", "content": "Be brief."}],
                  [{"role": "user", "content": "hello "}, {"role": "assistant", "content": "what?"}]][i % 3]
        turn = lambda role, text: {"role": role, "content": text}
        return {"prompt": before + [turn("user", row["prompt"])], "chosen": [turn("assistant", row["chosen"])],
                "rejected": [turn("assistant", row["rejected"])]}

    def make(self, family):
        config_class, model_class, extra = MODELS[family]
        torch.manual_seed(1)
        config = config_class(vocab_size=len(self.tokenizer), pad_token_id=self.tokenizer.pad_token_id,
                              bos_token_id=self.tokenizer.bos_token_id, eos_token_id=[self.tokenizer.eos_token_id, 5],
                              initializer_range=0.1, **SHAPE, **extra)
        folder = self.work / f"rm-{family}"
        model_class(config).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        stored = json.loads((folder / "config.json").read_text())
        stored["vhead_layer_type"], stored["vhead_num_neurons"] = "mlp", 1024
        (folder / "config.json").write_text(json.dumps(stored, indent=2))
        return folder

    def ids(self, text, rule, tokenizer):
        if rule == "strip" and text.startswith(tokenizer.bos_token):
            text = text[len(tokenizer.bos_token) :]
        return tokenizer(text, add_special_tokens=rule != "template")["input_ids"]

    @torch.no_grad()
    def by_transformers(self, folder, rule, day):
        FixedClock.day, chat_template_utils.datetime = day, FixedClock
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        out, rendered = [], ""
        conversations = [row["prompt"] + row[key] for row in self.rows for key in ("chosen", "rejected")]
        for i in range(0, len(conversations), 6):
            texts = tokenizer.apply_chat_template(conversations[i : i + 6], tokenize=False)
            rendered = texts[0]
            batch = tokenizer.pad({"input_ids": [self.ids(text, rule, tokenizer) for text in texts]}, return_tensors="pt",
                                  padding_side="right")
            out += model(**batch).logits[:, 0].tolist()
        assert day.strftime("%d %b %Y") in rendered, rendered
        return out

    def by_una(self, folder, *arguments):
        path = self.work / "rm-scored.jsonl"
        self.parity.una("score", "--model", folder, "--data", self.path, "--out", path, "--dtype", "float32", *arguments)
        return [json.loads(line)["score"] for line in path.read_text().split("\n") if line]

    def all(self):
        for family in MODELS:
            folder = self.make(family)
            for rule in ("template", "double", "strip") if family == "llama" else ("template",):
                self.check(f"{family} reward model, rm_bos {rule}", self.by_transformers(folder, rule, datetime.datetime(2024, 7, 26)),
                           self.by_una(folder, "--rm_bos", rule))
        folder = self.work / "rm-llama"
        self.check("llama reward model, template_date 01 Feb 2025",
                   self.by_transformers(folder, "template", datetime.datetime(2025, 2, 1)),
                   self.by_una(folder, "--template_date", "01 Feb 2025"))

    def check(self, name, theirs, ours):
        same = len(theirs) == len(ours) and None not in ours
        assert max(theirs) - min(theirs) > 0.1, "scores that hardly differ tell nothing"
        self.parity.tally.check(f"{name}: {len(theirs)} chat scores, batches padded by transformers",
                                max(abs(a - b) for a, b in zip(theirs, ours)) if same else float("inf"), 1e-4)
