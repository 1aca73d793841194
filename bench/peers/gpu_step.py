"""PyTorch's training step in eager mode on a GPU, for gpu.mjs: fp32 with and without TF32, both memory layouts.

    python3 gpu_step.py [--nets resnet20,resnet56,vgg19,resnet50] [--steps 30]

Answers with a line of JSON for each network and precision, the faster of the two layouts.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F

from networks import build


def bottleneck(inputs, width, stride):
    outputs = 4 * width
    layers = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
    return outputs, layers


class Bottleneck(torch.nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs, layers = bottleneck(inputs, width, stride)
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(i, o, k, s, k // 2, bias=False) for i, o, k, s in layers)
        self.norms = torch.nn.ModuleList(torch.nn.BatchNorm2d(o) for _, o, _, _ in layers)
        self.short = None
        if stride != 1 or inputs != outputs:
            self.short = torch.nn.Sequential(torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False), torch.nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = x
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):
            y = norm(conv(y))
            if i < 2:
                y = F.relu(y)
        return F.relu(y + (self.short(x) if self.short else x))


def resnet50():
    layers = [torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False), torch.nn.BatchNorm2d(64), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            layers.append(Bottleneck(inputs, width, stride if i == 0 else 1))
            inputs = 4 * width
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(inputs, 1000))


def measure(net, tf32, layout, steps):
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.manual_seed(1)
    large = net == "resnet50"
    network = (resnet50() if large else build(net)).cuda().to(memory_format=layout).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    batch, size, classes = (32, 224, 1000) if large else (128, 32, 10)
    images = torch.randn(batch, 3, size, size).cuda().to(memory_format=layout)
    labels = torch.randint(0, classes, (batch,)).cuda()
    times = []
    for i in range(steps + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        optimiser.zero_grad()
        loss = F.cross_entropy(network(images), labels)
        loss.backward()
        optimiser.step()
        loss.item()
        torch.cuda.synchronize()
        if i >= 3:
            times.append((time.perf_counter() - start) * 1000)
    return batch, sorted(times)[len(times) // 2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nets", default="resnet20,resnet56,vgg19,resnet50")
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    for net in options.nets.split(","):
        for tf32 in (False, True):
            both = {
                name: measure(net, tf32, layout, options.steps)
                for name, layout in (("nchw", torch.contiguous_format), ("channels_last", torch.channels_last))
            }
            name = min(both, key=lambda name: both[name][1])
            batch, ms = both[name]
            print(json.dumps({"net": net, "batch": batch, "tf32": tf32, "layout": name, "ms": round(ms, 3), "torch": torch.__version__}), flush=True)


if __name__ == "__main__":
    main()
