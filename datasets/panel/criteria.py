"""What the simulated readers look at: four full-reference measures.

They stand for what radiologists are asked about a fused image: is the anatomy
kept, is the function (or the bone of CT) kept, is the contrast good, is there
anything that neither source shows? Each is computed with the sources at hand,
over the tissue, and is not a radiologist's opinion.

Choice: what the published measures give as a share of the sources' structure
is here a share of structure that can be seen: `VISIBLE_EDGE` and
`VISIBLE_CONTRAST` are floors of the denominators. A faint source thus cannot
give an excellent image, as with real readers, who see no share but an image.

Images are uint8 `[height, width, 3]`, RGB. `a`, `b` and `f` are the luminance
of both sources and of the fused image, float32 `[height, width]`, 0..255;
`tissue` says where to look, 0 or 1.
"""

import cv2
import numpy as np

from g2npan_tf.baselines.oefp import edge_preservation
from g2npan_tf.core.errors import InputError

NAMES = ("detail", "function", "contrast", "artefacts")

# Choice: grey levels (of 255) below which both sources count as background.
TISSUE_LEVEL = 10.0
# Choice: Sobel strength of a step of 19 grey levels per pixel, and a local
# deviation of 40 grey levels: near the medians of the Whole Brain Atlas.
VISIBLE_EDGE = 150.0
VISIBLE_CONTRAST = 40.0
# Choice: unexplained structure of 16 grey levels is half disturbing on flat
# ground; a tenth of the sources' local deviation is added for masking.
DISTURBING_LEVEL = 16.0
MASKING = 0.1


def measure(
    source_a: np.ndarray, source_b: np.ndarray, fused: np.ndarray
) -> np.ndarray:
    """Measures the four criteria; `source_a` is functional or CT, `b` MR.

    Choice: detail is the MR's alone where the other source is functional,
    and the geometric mean of MR's and CT's else.

    Returns:
        One value per name in `NAMES`, float64 `[4]`.

    Raises:
        InputError: If an image is not uint8 RGB or the shapes differ.
    """
    _check(source_a=source_a, source_b=source_b, fused=fused)
    a, b, f = (_luminance(image) for image in (source_a, source_b, fused))
    tissue = _tissue(a, b)
    kept_a, kept_b = edges_kept(a, b, f, tissue)
    values = (
        kept_b if is_colour(source_a) else np.sqrt(kept_a * kept_b),
        colour_difference(source_a, fused),
        contrast_kept(a, b, f, tissue),
        disturbance(a, b, f, tissue),
    )
    return np.array(values, np.float64)


def is_colour(image: np.ndarray) -> bool:
    """Whether an RGB image is a functional one in pseudo-colours.

    Choice: more than 8 grey levels between two channels of some pixel; less
    is left to JPEG and scanners.
    """
    # NumPy takes ten times as long for a maximum over three channels.
    red, green, blue = np.moveaxis(image, -1, 0)
    largest = np.maximum(np.maximum(red, green), blue)
    smallest = np.minimum(np.minimum(red, green), blue)
    return bool((largest - smallest).max() > 8)


def edges_kept(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, tissue: np.ndarray
) -> np.ndarray:
    """Anatomical detail: edge strength and orientation kept in the fusion.

    Q^AF and Q^BF of C. S. Xydeas and V. Petrovic, "Objective image fusion
    performance measure", Electronics Letters 36(4), 308-309, 2000, with its
    constants and its weights.

    Choice: each source is asked for its edges where they are the stronger
    ones (weights multiplied by its share of both gradients), since one pixel
    cannot show two edges, and the two results are not pooled: bone must not
    make up for lost grey matter.

    Returns:
        Share of each source's visible edges, `[2]`, range [0, 0.98].
    """
    edges_a, edges_b, edges_f = _gradient(a), _gradient(b), _gradient(f)
    both = edges_a[0] + edges_b[0] + 1e-3
    shares = []
    for edges in (edges_a, edges_b):
        weight = tissue * edges[0] / both
        kept = weight * edges[0] * _edge_preservation(edges, edges_f)
        wanted = weight * np.maximum(edges[0], VISIBLE_EDGE)
        shares.append(kept.sum() / (wanted.sum() + 1e-6))
    return np.array(shares)


def colour_difference(source_a: np.ndarray, fused: np.ndarray) -> float:
    """Function: colour and brightness of the uptake (or the bone) lost.

    S-CIELAB (X. Zhang and B. A. Wandell, Journal of the SID 5(1), 61-63,
    1997): both images are blurred first, because colour is seen coarsely and
    fine MR structure within the uptake is welcome.

    Choice: blur of 2 pixels (of 128). Lightness counts half, as in CMC(2:1)
    (Clarke, McDonald, Rigg 1984): the MR must change it. Weight: the chroma
    of the functional image, or the squared lightness of CT (bone).

    Returns:
        Weighted mean difference, range [0, inf), CIELAB units; 0 = all kept.
    """
    lab_a, lab_f = _coarse_lab(source_a), _coarse_lab(fused)
    uptake = np.hypot(lab_a[..., 1], lab_a[..., 2])
    weight = uptake if is_colour(source_a) else lab_a[..., 0] ** 2
    lightness, red, blue = np.moveaxis(lab_a - lab_f, -1, 0)
    difference = np.sqrt((lightness / 2.0) ** 2 + red**2 + blue**2)
    return float((weight * difference).sum() / (weight.sum() + 1e-6))


def contrast_kept(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, tissue: np.ndarray
) -> float:
    """Contrast: local deviation against that of the better source.

    The wanted contrast is that of the source which has more of it, as in
    K. Ma, K. Zeng, Z. Wang, IEEE TIP 24(11), 3345-3356, 2015 (MEF-SSIM).
    More than wanted is no gain.

    Returns:
        Share of the visible contrast that is kept, range [0, 1].
    """
    best = np.maximum(_deviation(a), _deviation(b))
    kept = np.minimum(_deviation(f), best)
    wanted = np.maximum(best, VISIBLE_CONTRAST)
    return float((kept * tissue).sum() / (wanted * tissue).sum())


def disturbance(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, tissue: np.ndarray
) -> float:
    """Artefacts: structure of the fused image that no source explains.

    N^AB/F (V. Petrovic and C. Xydeas, ICCV 2005; B. K. Shreyamsha Kumar,
    SIViP 7(6), 1125-1143, 2013) counts fused edges stronger than both
    sources' and so takes any gain for an artefact. Here the fused image is
    explained, window by window, as a linear mix of both sources (the local
    linear model of K. He, J. Sun, X. Tang, IEEE TPAMI 35(6), 1397-1409,
    2013), and what is left over is the artefact: noise, ringing, blocks,
    ghost edges, seams.

    Choice: left-over energy saturates (Naka-Rushton, exponent 2), so that a
    large artefact disturbs its place and not more. Ringing on the black
    ground counts like that on tissue.

    Returns:
        Disturbed area as a share of the tissue, range [0, 1]; 0 = clean.
    """
    masking = MASKING * np.maximum(_deviation(a), _deviation(b))
    visible = (_unexplained(a, b, f) / (DISTURBING_LEVEL + masking)) ** 2
    area = (visible / (1.0 + visible)).sum() / tissue.sum()
    return float(min(area, 1.0))


def _check(**images: np.ndarray) -> None:
    shape = images["fused"].shape
    for name, image in images.items():
        right = image.dtype == np.uint8 and image.shape == shape
        if not right or image.ndim != 3 or shape[-1] != 3 or not image.size:
            raise InputError(
                f"{name} must be uint8 [height, width, 3] like the fused "
                f"image {list(shape)}. "
                f"Received: {image.dtype} {list(image.shape)}"
            )


def _luminance(image: np.ndarray) -> np.ndarray:
    """Luma of BT.601."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _tissue(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """1 where a source shows something; everywhere if none does."""
    tissue = _mean(np.maximum(a, b), 5) > TISSUE_LEVEL
    return tissue.astype(np.float32) if tissue.any() else np.ones_like(a)


def _mean(x: np.ndarray, size: int) -> np.ndarray:
    return cv2.blur(x, (size, size), borderType=cv2.BORDER_REPLICATE)


def _deviation(x: np.ndarray, size: int = 7) -> np.ndarray:
    """Standard deviation over a window."""
    variance = _mean(x * x, size) - _mean(x, size) ** 2
    return np.sqrt(np.maximum(variance, 0.0))


def _gradient(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sobel strength, and orientation in radians."""
    dx = cv2.Sobel(x, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE)
    dy = cv2.Sobel(x, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(dx, dy), np.arctan2(dy, dx)


def _edge_preservation(
    source: tuple[np.ndarray, np.ndarray], fused: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Q^AF per pixel; orientations are compared modulo pi."""
    weaker = np.minimum(source[0], fused[0])
    strength = weaker / np.maximum(np.maximum(source[0], fused[0]), 1e-6)
    parallel = np.minimum(np.abs(np.cos(source[1] - fused[1])), 1.0)
    orientation = 1.0 - np.arccos(parallel) / (np.pi / 2.0)
    return edge_preservation(strength, orientation)


def _coarse_lab(image: np.ndarray) -> np.ndarray:
    """CIELAB of the image as seen coarsely."""
    scaled = image.astype(np.float32) / 255.0
    return cv2.cvtColor(
        cv2.GaussianBlur(scaled, (0, 0), 2.0), cv2.COLOR_RGB2Lab
    )


def _unexplained(
    a: np.ndarray, b: np.ndarray, f: np.ndarray, size: int = 9
) -> np.ndarray:
    """RMS of `f` in each window after least squares on `a`, `b` and 1."""
    mean_a, mean_b, mean_f = _mean(a, size), _mean(b, size), _mean(f, size)
    # One grey level squared keeps flat windows solvable.
    aa = _mean(a * a, size) - mean_a * mean_a + 1.0
    bb = _mean(b * b, size) - mean_b * mean_b + 1.0
    ff = _mean(f * f, size) - mean_f * mean_f
    ab = _mean(a * b, size) - mean_a * mean_b
    af = _mean(a * f, size) - mean_a * mean_f
    bf = _mean(b * f, size) - mean_b * mean_f
    determinant = np.maximum(aa * bb - ab * ab, 1e-3)
    slope_a = (af * bb - bf * ab) / determinant
    slope_b = (bf * aa - af * ab) / determinant
    return np.sqrt(np.maximum(ff - slope_a * af - slope_b * bf, 0.0))
