"""PyTorch's dense train step, timed on demand: the peer of espalier's own benchmark.

    python3 step.py --net resnet20|resnet56|vgg19 [--batch 128] [--threads 2] [--layout nchw|channels_last]

Answers on standard output, a JSON line each: {"ready": …} once the network stands, then for every line "step" on standard
input one whole train step (forward, loss, backward, SGD update) on synthetic CIFAR-shaped data: {"ms": …, "loss": …}.
Between steps the process sleeps, so that two of them can be timed in turn on one machine; it ends with its input.
With --steps K it takes K steps by itself, asking nobody.
"""

import argparse
import json
import os
import sys
import time

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # read when OpenMP starts, so before torch is loaded

import torch
import torch.nn.functional as F

from networks import NETWORKS, build


def say(**answer):
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", required=True, choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--layout", choices=("nchw", "channels_last"), default="nchw")
    parser.add_argument("--steps", type=int, help="take this many steps without being asked")
    options = parser.parse_args()

    torch.set_flush_denormal(True)  # before the pool of threads, which inherits it
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    layout = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format
    network = build(options.net).to(memory_format=layout).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    images = torch.randn(options.batch, 3, 32, 32).to(memory_format=layout)
    labels = torch.randint(0, 10, (options.batch,))

    def step():
        optimiser.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimiser.step()
        return loss.item()

    say(ready=options.net, torch=torch.__version__, threads=options.threads, layout=options.layout, batch=options.batch)
    requests = ["step\n"] * options.steps if options.steps else iter(sys.stdin.readline, "")
    for request in requests:
        if request.strip() != "step":
            sys.exit(f'step.py: expected a line "step", got {request.strip()!r}')
        start = time.perf_counter()
        loss = step()
        say(ms=round((time.perf_counter() - start) * 1000, 3), loss=round(loss, 5))


if __name__ == "__main__":
    main()
