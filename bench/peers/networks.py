"""The CIFAR networks that espalier is compared with, as PyTorch modules.

The peers' side of the benchmarks and of the reference training; espalier itself needs no Python.
ResNets: He et al. 2015, "Deep Residual Learning for Image Recognition", section 4.2, with option-A shortcuts.
VGG-19 with BatchNorm: Simonyan & Zisserman 2014, configuration E, one linear layer behind the last pooling.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def convolution(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


class Block(nn.Module):
    """Two 3×3 convolutions; where the shape changes, the shortcut subsamples and pads channels with zeros."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = convolution(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.padding = (outputs - inputs) // 2

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.padding:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padding, self.padding))
        return F.relu(y + x)


def resnet(depth):
    blocks = (depth - 2) // 6
    stages, inputs = [], 16
    for stage, outputs in enumerate((16, 32, 64)):
        for block in range(blocks):
            stages.append(Block(inputs, outputs, 2 if stage > 0 and block == 0 else 1))
            inputs = outputs
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(convolution(3, 16), nn.BatchNorm2d(16), nn.ReLU(), *stages, *head)


def vgg19():
    layers, inputs = [], 3
    for outputs, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(count):
            layers += [convolution(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


NETWORKS = {"resnet20": lambda: resnet(20), "resnet56": lambda: resnet(56), "vgg19": vgg19}


def build(name):
    """The named network, Kaiming-normal weights (fan in, gain of ReLU), biases zero, BatchNorm as PyTorch makes it."""
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
