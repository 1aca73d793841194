"""Reference training: ResNet-20 on CIFAR-10 in PyTorch, with the recipe that espalier's own run is held against.

    python3 train_reference.py --data DIR --seed 1 --log FILE.jsonl [--epochs 10] [--threads 1] [--checkpoint FILE]

Batch 128 (the partial last batch is kept), SGD with momentum 0.9 and weight decay 5e-4 on every parameter, learning rate
0.1 falling along a cosine stepped per iteration, lr_t = 0.05·(1 + cos(πt/T)); random 32×32 crop of the image padded with
4 black pixels (zeros before normalisation, as torchvision's RandomCrop does) and horizontal flip; cross-entropy without
smoothing.
DIR holds train.bin and test.bin, CIFAR-10's binary records (label, then 3×32×32 bytes).
The log gets a line per epoch; a killed run, started again, goes on after the last epoch it finished.
"""

import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from networks import build

MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(3, 1, 1)
BATCH, RATE, MOMENTUM, DECAY, PADDING = 128, 0.1, 0.9, 5e-4, 4


def read(path):
    records = torch.from_numpy(np.fromfile(path, np.uint8)).view(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].long()


def normalise(images):
    return (images.float() / 255 - MEAN) / STD


def augment(images, generator):
    """A crop of its own for each sample, by gathering rows and columns of the padded batch; half of them flipped."""
    count = len(images)
    padded = F.pad(images, (PADDING,) * 4)
    top, left = torch.randint(0, 2 * PADDING + 1, (2, count, 1), generator=generator)
    flipped = torch.rand(count, 1, generator=generator) < 0.5
    offsets = torch.arange(32).expand(count, 32)
    rows = top + offsets
    columns = left + torch.where(flipped, 31 - offsets, offsets)
    samples = torch.arange(count).view(-1, 1, 1, 1)
    channels = torch.arange(3).view(1, -1, 1, 1)
    return padded[samples, channels, rows.view(-1, 1, 32, 1), columns.view(-1, 1, 1, 32)]


def train_epoch(network, optimiser, images, labels, generator, epoch, epochs):
    network.train()
    steps = math.ceil(len(images) / BATCH)
    loss_sum = correct = 0
    for step, indices in enumerate(torch.randperm(len(images), generator=generator).split(BATCH)):
        progress = (epoch * steps + step) / (epochs * steps)
        optimiser.param_groups[0]["lr"] = RATE / 2 * (1 + math.cos(math.pi * progress))
        target = labels[indices]
        logits = network(normalise(augment(images[indices], generator)))
        loss = F.cross_entropy(logits, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss_sum += loss.item() * len(indices)
        correct += (logits.argmax(1) == target).sum().item()
    return loss_sum / len(images), correct / len(images)


@torch.no_grad()
def evaluate(network, images, labels):
    network.eval()
    batches = zip(images.split(500), labels.split(500))
    return sum((network(normalise(x)).argmax(1) == y).sum().item() for x, y in batches) / len(images)


def save(path, state):
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder with train.bin and test.bin")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--log", required=True, help="JSON lines, one per epoch")
    parser.add_argument("--checkpoint", help="by default, the log's name with .ckpt behind it")
    options = parser.parse_args()
    checkpoint = options.checkpoint or options.log + ".ckpt"

    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    network = build("resnet20").to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    log = []
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint)
        if (state["seed"], state["epochs"]) != (options.seed, options.epochs):
            parser.error(f"{checkpoint} belongs to a run with another seed or number of epochs; remove it or name another")
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        generator.set_state(state["generator"])
        log = state["log"]

    images, labels = read(os.path.join(options.data, "train.bin"))
    test_images, test_labels = read(os.path.join(options.data, "test.bin"))
    for epoch in range(len(log), options.epochs):
        start = time.perf_counter()
        loss, accuracy = train_epoch(network, optimiser, images, labels, generator, epoch, options.epochs)
        test_accuracy = evaluate(network, test_images, test_labels)
        log.append({
            "epoch": epoch + 1,
            "loss": round(loss, 6),
            "trainAccuracy": round(accuracy, 6),
            "testAccuracy": round(test_accuracy, 6),
            "seconds": round(time.perf_counter() - start, 1),
        })
        save(checkpoint, {
            "seed": options.seed,
            "epochs": options.epochs,
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "generator": generator.get_state(),
            "log": log,
        })
        with open(options.log, "w") as file:
            file.writelines(json.dumps(line) + "\n" for line in log)


if __name__ == "__main__":
    main()
