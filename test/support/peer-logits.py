"""Logits of a model in transformers, with or without a PEFT adapter.

peer-logits.py MODEL IDS [ADAPTER]        prints the logits after each of the token ids (JSON)
peer-logits.py MODEL IDS ADAPTER CONFIG   first writes an adapter of this LoraConfig (JSON), every tensor drawn from a normal distribution
"""

import json
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

folder, ids, *rest = sys.argv[1:]
torch.manual_seed(0)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
if len(rest) == 2:
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **json.loads(rest[1])))
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data += 0.05 * torch.randn_like(parameter)
    adapted.save_pretrained(rest[0])
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
if rest:
    model = PeftModel.from_pretrained(model, rest[0])
model.eval()
with torch.no_grad():
    logits = model(input_ids=torch.tensor([json.loads(ids)])).logits[0]
json.dump(logits.tolist(), sys.stdout)
