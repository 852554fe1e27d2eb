"""A small network, learnt from one person's own footage, that corrects the mouth after it was pasted.

A mouth of the bank was seen in another moment: teeth, tongue and light are those of that moment, bent to the lips of
this one. What is missing to the person's own mouth at these lips is a small picture that the network adds to what was
pasted, and nowhere else: beard, skin and the sharpness of the footage stay, which networks that paint the whole lower
face blur.

The layers are a U-Net (Ronneberger et al. 2015) that works on pixels folded into channels, two by two.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatars.engine.package import Weights
from avatars.engine.patch import Patch
from avatars.engine.warp import Map

_CHANNELS = (32, 64, 96)
_SEEN = 6  # luma, two of colour, the pasted part, the lips, what is between them
_FARTHEST = 0.35  # of black to white: more is never added
_GENTLE = 0.1  # what is wrong is a few grey levels: a step of learning must not leap over it
_FOLD = 2


class MouthNet(nn.Module):
    """Pictures float [n, 6, h, w], everything on 0..1 -> what to add, float [n, 3, h, w]. A new one adds nothing."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = _CHANNELS
        folded = _FOLD * _FOLD
        self.enter = nn.Conv2d(_SEEN * folded, fine, 3, padding=1)
        self.fine = nn.Conv2d(fine, fine, 3, padding=1)
        self.down = nn.Conv2d(fine, middle, 3, padding=1)
        self.middle = nn.Conv2d(middle, middle, 3, padding=1)
        self.deep = nn.Conv2d(middle, coarse, 3, padding=1)
        self.coarse = nn.Conv2d(coarse, coarse, 3, padding=1)
        self.up = nn.Conv2d(coarse + middle, middle, 3, padding=1)
        self.join = nn.Conv2d(middle + fine, fine, 3, padding=1)
        self.leave = nn.Conv2d(fine, 3 * folded, 3, padding=1)
        for layer in self.children():
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.leave.weight)

    def forward(self, seen: Tensor) -> Tensor:
        luma, colour, where = (seen[:, :1] - 0.45) * 4, (seen[:, 1:3] - 0.5) * 8, seen[:, 3:]  # about 0, about 1
        folded = F.pixel_unshuffle(torch.cat([luma, colour, where], dim=1), _FOLD)
        fine = F.silu(self.fine(F.silu(self.enter(folded))))
        middle = F.silu(self.middle(F.silu(self.down(F.avg_pool2d(fine, 2)))))
        coarse = F.silu(self.coarse(F.silu(self.deep(F.avg_pool2d(middle, 2)))))
        middle = F.silu(self.up(torch.cat([F.interpolate(coarse, scale_factor=2.0), middle], dim=1)))
        fine = F.silu(self.join(torch.cat([F.interpolate(middle, scale_factor=2.0), fine], dim=1)))
        return _FARTHEST * torch.tanh(_GENTLE * F.pixel_shuffle(self.leave(fine), _FOLD))


def seen_by(cut: Patch, pasted: Map, drawn: Patch) -> Patch:
    """What the network looks at, float32 [6, h, w], everything on 0..1.

    Args:
        cut: float32 [3, h, w] on 0..255, see `patch.Place.cut`.
        pasted: float32 [h, w], 0..1, how much of the pasted mouth shows.
        drawn: see `patch.outlines`.
    """
    return np.concatenate([cut / 255, pasted[None], drawn])


class Refiner:
    """The network at work: on the processor, or on a GPU in half precision.

    The same weights give the same pictures on the same kind of processor; another kind, or a GPU, may be off by one
    grey level.
    """

    def __init__(self, weights: Weights) -> None:
        """Raises ValueError for weights of other layers."""
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._type = torch.float16 if self._device.type == "cuda" else torch.float32
        self._net = net_of(weights).eval().to(self._device, self._type)

    @torch.inference_mode()
    def change(self, cut: Patch, pasted: Map, drawn: Patch) -> Patch:
        """What to add to a cut picture, float32 [3, h, w] on 0..255; arguments as of `seen_by`."""
        seen = torch.from_numpy(seen_by(cut, pasted, drawn))[None].to(self._device, self._type)
        return np.asarray(self._net(seen)[0].float().cpu().numpy() * 255 * pasted)


def net_of(weights: Weights) -> MouthNet:
    """The layers with these weights. Raises ValueError when they do not fit."""
    net = MouthNet()
    try:
        net.load_state_dict({name: torch.from_numpy(part.astype(np.float32)) for name, part in weights.items()})
    except RuntimeError as error:
        raise ValueError("These are weights of another network.") from error
    return net


def weights_of(net: MouthNet) -> Weights:
    """The weights in 16 bits, as a model holds them."""
    return {name: part.detach().cpu().numpy().astype(np.float16) for name, part in net.state_dict().items()}
