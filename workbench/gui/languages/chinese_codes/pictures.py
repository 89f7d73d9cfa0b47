"""Code → Simplified Chinese sentence: pictures."""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    "image-empty": "{file} 是空文件；请重新复制或下载",
    "image-unknown-format": "{file} 不是可以读取的图片；支持 JPEG、PNG、WebP、AVIF、TIFF、GIF 和 BMP",
    "image-unreadable": "无法把 {file} 作为图片读取（{reason}）；请用图片编辑器打开并重新保存",
    "image-too-large": "{file} 超过 {limit} 百万像素；请先缩小图片",
    "image-made-too-large": "由 {file}（{width} x {height}）生成的图片将有 {made} 像素，超过上限 {limit} 百万像素；请先缩小原图",
    "image-too-narrow": "{file} 的尺寸为 {width} x {height} 像素，按这个模型的要求缩放后会变成 {scaled}；请裁剪成更接近正方形的形状",
    "image-too-small": "{file} 的尺寸为 {width} x {height} 像素，按这个模型的要求缩放后会变成 {scaled}；请使用更大的图片",
    "zero-shot-scale": "这个模型的计算图不包含温度参数；分数按 {scale} 计算，这是 CLIP 模型训练时的上限",
    "image-clipped": "{file} 的像素值超过 8 位，大于 255 的值在这里都按白色处理；请另存为 8 位的图片",
    "image-unknown-processor": "{file} 要求使用图片处理器“{name}”，但本应用没有；支持的图片处理器：{known}",
    "image-bad-input": "图片要用文件路径给出，而不是 {got}",
}
