"""Makes a folder for each LoRA adapter of a model of ../families: what peft says of it.

A folder is as peft's save_pretrained writes it (adapter_config.json, adapter_model.safetensors in float32, A and B both
random), and beside it, in expected.safetensors and expected.json, what the model gives with it for the batch of its family:
logits, loss, and the losses of ten AdamW steps of the adapter alone. The models compute in float64 as those of the families.

    python -m venv venv && venv/bin/pip install torch transformers safetensors peft && venv/bin/python make_golden.py
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent.parent / "families"))
from make_golden import ADAMW, CLIP, DECAY, STEPS, loss_of

CASES = {
    "llama": LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"),
    # One map of its own rank and scale; a layer that is not adapted throughout.
    "gpt2": LoraConfig(
        r=3, lora_alpha=6, use_rslora=True, target_modules=["attn.c_attn", "h.0.mlp.c_proj"], fan_in_fan_out=True,
        rank_pattern={"h.1.attn.c_attn": 2}, alpha_pattern={"h.1.attn.c_attn": 5}, task_type="CAUSAL_LM"),
}


def make(case, seed):
    here = Path(__file__).parent
    folder = here / case
    shutil.rmtree(folder, ignore_errors=True)
    base = transformers.AutoModelForCausalLM.from_pretrained(
        here.parent / "families" / case, attn_implementation="eager", dtype=torch.float32)
    model = get_peft_model(base, CASES[case]).eval()
    generator = torch.Generator().manual_seed(seed)
    adapter = [p for p in model.parameters() if p.requires_grad]
    with torch.no_grad():
        for parameter in adapter:
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    # Where the family lay when this ran is none of the adapter's.
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | dict(base_model_name_or_path=None), indent=2) + "\n")
    model = model.double()
    adapter = [p for p in model.parameters() if p.requires_grad]
    tokens = torch.tensor(json.loads((here.parent / "families" / case / "expected.json").read_text())["tokens"])
    logits, loss = loss_of(model, tokens)
    optimizer = torch.optim.AdamW(adapter, weight_decay=DECAY, **ADAMW)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, now = loss_of(model, tokens)
        now.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(adapter, CLIP).item())
        optimizer.step()
        losses.append(now.item())
    save_file({"logits": logits.detach().float().contiguous()}, folder / "expected.safetensors")
    (folder / "expected.json").write_text(
        json.dumps(dict(loss=loss.item(), losses=losses, gradientNorms=norms)) + "\n")
    print(f"{case}: {sum(p.numel() for p in adapter)} parameters, losses {losses[0]:.6f} to {losses[-1]:.6f}")


if __name__ == "__main__":
    for number, case in enumerate(CASES):
        make(case, 20261128 + number)
