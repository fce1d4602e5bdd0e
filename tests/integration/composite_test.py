"""A model that sees images too: its text decoder is trained, the rest stays as it is."""
import json
import shutil
import struct
import unittest

from support import TASK, fresh, read_rows, read_tensors, run, train

DATA = TASK / "data" / "pair.jsonl"
NAME = "adapter_model.safetensors"


def write_tensors(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def make_composite():
    """The task's model as the text decoder of a llava, whose vision tower has numbers of its own."""
    folder = fresh("composite")
    shutil.copytree(TASK / "start", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({
        "model_type": "llava", "architectures": ["LlavaForConditionalGeneration"], "torch_dtype": "float32",
        "tie_word_embeddings": True, "vision_config": {"hidden_size": 4}, "text_config": config}))
    (folder / "processor_config.json").write_text('{"patch_size": 14}')
    tensors = {f"language_model.{name}": value for name, value in read_tensors(folder / "model.safetensors").items()}
    tensors["vision_tower.layers.0.self_attn.q_proj.weight"] = "F32", [2, 2], struct.pack("<4f", 1, 2, 3, 4)
    tensors["multi_modal_projector.linear_1.bias"] = "F16", [2], b"\x00\x3c\x00\x40"
    write_tensors(folder / "model.safetensors", tensors)
    return folder


def others(tensors):
    return {name: value for name, value in tensors.items() if not name.startswith("language_model.")}


class Composite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = make_composite()

    def scores(self, model, *more):
        out = fresh("composite-scores.jsonl")
        run("score", "--model", model, "--data", DATA, "--out", out, "--max_length", 160, "--beta", 1, *more)
        return [(row["logp"], row["ref_logp"]) for row in read_rows(out)]

    def test_its_decoder_is_the_text_model(self):
        self.assertEqual(self.scores(self.model), self.scores(TASK / "start"))

    def test_an_adapter_is_that_of_the_text_model_under_the_composites_names(self):
        out, stopped, plain = fresh("composite-dpo"), fresh("composite-stopped"), fresh("composite-plain")
        composite = ["--model", self.model, "--save_steps", "2", "--max_steps", 4]
        _, log = train("dpo", DATA, out, *composite)
        self.assertRegex(log, r"LlavaForConditionalGeneration, [\d,]+ parameters \([\d,]+ of the text decoder")
        train("dpo", DATA, stopped, *composite, "--stop_at_step", 2)
        run("train", "--config", stopped / "run.yaml", "--resume_from_checkpoint", "true")
        self.assertEqual((out / NAME).read_bytes(), (stopped / NAME).read_bytes())
        train("dpo", DATA, plain, "--max_steps", 4)
        ours = {name.replace(".language_model.", "."): value for name, value in read_tensors(out / NAME).items()}
        self.assertEqual({name: shape for name, (_, shape, _) in ours.items()},
                         {name: shape for name, (_, shape, _) in read_tensors(plain / NAME).items()})
        targets = json.loads((out / "adapter_config.json").read_text())["target_modules"]
        self.assertTrue(targets.startswith("model\\.language_model\\."), targets)
        merged = fresh("composite-merged")
        run("merge", "--model", self.model, "--adapter", out, "--out", merged)
        before, after = (read_tensors(folder / "model.safetensors") for folder in (self.model, merged))
        self.assertEqual(before.keys(), after.keys())
        self.assertEqual(others(before), others(after))
        self.assertEqual(len(others(after)), 2)
        self.assertEqual((merged / "processor_config.json").read_text(), '{"patch_size": 14}')
        wanted = self.scores(self.model, "--adapter", out)
        for got, (logp, _) in zip(self.scores(merged), wanted):
            self.assertAlmostEqual(got[0], logp, places=3)
        self.assertNotEqual(wanted, self.scores(self.model))

    def test_full_training_keeps_all_other_tensors(self):
        out = fresh("composite-full")
        train("sft", DATA, out, "--model", self.model, "--columns", "completion=chosen", "--use_peft", "false", "--max_steps", 1)
        before, after = (read_tensors(folder / "model.safetensors") for folder in (self.model, out))
        self.assertEqual(before.keys(), after.keys())
        self.assertEqual(others(before), others(after))
        self.assertNotEqual(before, after)
        self.assertIn("vision_config", json.loads((out / "config.json").read_text()))

    def test_export_writes_the_decoder_and_a_reward_model_is_refused(self):
        sizes = []
        for model in (self.model, TASK / "start"):
            out = fresh("composite.gguf")
            run("export", "--model", model, "--output_file", out)
            sizes.append(out.stat().st_size)
        self.assertLess(abs(sizes[0] - sizes[1]), 64, "the name of the model differs")
        out = fresh("composite-reward")
        for peft in ("true", "false"):
            _, log = train("reward", DATA, out, "--model", self.model, "--use_peft", peft, "--max_steps", 1, code=2)
            self.assertIn("a reward model of the text part of a LlavaForConditionalGeneration is not supported", log)
            self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
