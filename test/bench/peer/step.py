"""One training step of the same model in PyTorch: full, LoRA, LoRA-MoE or shared-A, eager or torch.compile.

Reads the weights and batches that Lawbook wrote: step.py FOLDER eager|compile THREADS.
Each line of standard input is a number of steps to run; for each, one line of JSON with times and losses.
"""

import json
import sys
import time

START = time.perf_counter()

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

FOLDER, MODE, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(THREADS)
META = json.load(open(f"{FOLDER}/meta.json"))
CONFIG, METHOD, ADAPTER = META["config"], META["method"], META.get("adapter")
LINES, TOKENS = META["lines"], META["tokens"]


def read_tensors():
    data = np.fromfile(f"{FOLDER}/data.bin", np.uint8)
    offset = 0

    def take(entry):
        nonlocal offset
        count = int(np.prod(entry["shape"]))
        values = data[offset : offset + 4 * count].view(entry["type"]).copy()
        offset += 4 * count
        return torch.from_numpy(values).reshape(entry["shape"])

    weights = {entry["name"]: take(entry) for entry in META["tensors"]}
    inputs = [(entry["name"], take(entry)) for entry in META["inputs"]]
    per_batch = len(inputs) // META["batches"]
    batches = [dict(inputs[i : i + per_batch]) for i in range(0, len(inputs), per_batch)]
    return weights, batches


WEIGHTS, BATCHES = read_tensors()


def parameter(name):
    return nn.Parameter(WEIGHTS[name])


class Linear(nn.Module):
    """y = x W^T, with s (x A^T) B^T, or s sum_e g_e (x A_e^T) B_e^T, on top."""

    def __init__(self, name):
        super().__init__()
        self.weight = nn.Parameter(WEIGHTS[f"{name}.weight"], requires_grad=METHOD == "full")
        if METHOD == "full":
            return
        self.rank = ADAPTER["rank"]
        self.scaling = ADAPTER["alpha"] / self.rank
        if METHOD == "lora":
            self.a = parameter(f"{name}.lora_A.weight")
            self.b = parameter(f"{name}.lora_B.weight")
            return
        experts = range(ADAPTER["experts"])
        self.route = parameter(f"{name}.lora_route.weight")
        if METHOD == "shared-a":
            self.a = parameter(f"{name}.lora_A.weight")
        else:
            self.a = nn.Parameter(torch.cat([WEIGHTS[f"{name}.lora_A{e}.weight"] for e in experts]))
        self.b = nn.Parameter(torch.cat([WEIGHTS[f"{name}.lora_B{e}.weight"] for e in experts], 1))

    def forward(self, x):
        y = F.linear(x, self.weight)
        if METHOD == "full":
            return y
        inner = F.linear(x, self.a)
        if METHOD != "lora":
            gates = F.softmax(F.linear(x, self.route), -1).unsqueeze(-1)
            shape = (1, self.rank) if METHOD == "shared-a" else (ADAPTER["experts"], self.rank)
            inner = (gates * inner.unflatten(-1, shape)).flatten(-2)
        return y + F.linear(inner, self.b) * self.scaling


class Norm(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.gain = nn.Parameter(WEIGHTS[name], requires_grad=METHOD == "full")

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.gain, CONFIG["epsilon"])


def turn(x, cos, sin):
    low, high = x.chunk(2, -1)
    return x * cos + torch.cat([-high, low], -1) * sin


class Block(nn.Module):
    def __init__(self, prefix):
        super().__init__()
        self.before = Norm(f"{prefix}.input_layernorm.weight")
        self.after = Norm(f"{prefix}.post_attention_layernorm.weight")
        for name in ("q", "k", "v", "o"):
            setattr(self, name, Linear(f"{prefix}.self_attn.{name}_proj"))
        for name in ("gate", "up", "down"):
            setattr(self, name, Linear(f"{prefix}.mlp.{name}_proj"))

    def forward(self, x, cos, sin, bias):
        normal = self.before(x)
        heads = lambda y: y.view(LINES, TOKENS, CONFIG["heads"], CONFIG["headWidth"]).transpose(1, 2)
        q, k = turn(heads(self.q(normal)), cos, sin), turn(heads(self.k(normal)), cos, sin)
        mixed = F.scaled_dot_product_attention(q, k, heads(self.v(normal)), attn_mask=bias)
        x = x + self.o(mixed.transpose(1, 2).reshape(LINES, TOKENS, -1))
        inner = self.after(x)
        return x + self.down(F.silu(self.gate(inner)) * self.up(inner))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(WEIGHTS["model.embed_tokens.weight"], requires_grad=METHOD == "full")
        self.blocks = nn.ModuleList(Block(f"model.layers.{i}") for i in range(CONFIG["layers"]))
        self.norm = Norm("model.norm.weight")
        half = CONFIG["headWidth"] // 2
        frequency = CONFIG["theta"] ** (-2 * torch.arange(half, dtype=torch.float64) / CONFIG["headWidth"])
        angle = torch.arange(CONFIG["maxPositions"])[:, None] * frequency
        self.register_buffer("cos", torch.cat([angle.cos()] * 2, 1).float())
        self.register_buffer("sin", torch.cat([angle.sin()] * 2, 1).float())

    def forward(self, ids, positions, bias, targets, labels, weights):
        x = F.embedding(ids, self.table)
        cos, sin = self.cos[positions].unsqueeze(1), self.sin[positions].unsqueeze(1)
        for block in self.blocks:
            x = block(x, cos, sin, bias)
        chosen = self.norm(x).view(-1, CONFIG["width"])[targets]
        losses = F.cross_entropy(F.linear(chosen, self.table), labels, reduction="none")
        return (losses * weights).sum()


def inputs_of(batch):
    return (
        batch["ids"].long().view(LINES, TOKENS),
        batch["positions"].long().view(LINES, TOKENS),
        batch["bias"].view(LINES, 1, TOKENS, TOKENS),
        batch["targets"].long(),
        batch["labels"].long(),
        batch["weights"],
    )


def main():
    ready, first = time.perf_counter(), None
    model = Model()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, META["lr"], betas=(0.9, 0.95), eps=1e-8, weight_decay=0, fused=True
    )
    run = torch.compile(model) if MODE == "compile" else model
    batches = [inputs_of(batch) for batch in BATCHES]
    done = 0
    for line in sys.stdin:
        wall, losses = [], []
        for _ in range(int(line)):
            begun = time.perf_counter()
            loss = run(*batches[done % len(batches)])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            losses.append(loss.item())
            wall.append((time.perf_counter() - begun) * 1e3)
            done += 1
            first = first or (time.perf_counter() - ready) * 1e3
        result = {"ms": wall, "losses": losses, "firstStepMs": first, "sinceStartMs": (time.perf_counter() - START) * 1e3}
        print(json.dumps(result), flush=True)


main()
