"""Simplified Chinese texts of the window's views."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # --- common ---
    "Input": "输入",
    "Picture": "图片",
    "Picture {name}": "图片 {name}",
    # --- labels ---
    "Labels and their scores": "标签及其分数",
    "The model gave no label.": "模型没有给出标签。",
    # --- spans ---
    "Labels found": "找到的标签",
    "{label}: {count} found": "{label}：找到 {count} 处",
    "Shows or hides this label in the text": "在文本中显示或隐藏此标签",
    "Text with what was found": "标出了结果的文本",
    "Nothing was found in this text.": "在这段文本中没有找到任何内容。",
    "Point at a colour, or move the caret there, to see its score.": "将鼠标指向或将光标移到色块处，即可查看分数。",
    "{label} · {score} · characters {start}–{end} · {word}": "{label} · {score} · 第 {start}–{end} 个字符 · {word}",
    # --- similarity ---
    "There is nothing to compare.": "没有可以比较的内容。",
    "Closest pairs": "最相近的句对",
    "Sentences, the most similar first": "句子，最相似的在前",
    "Similarity of each sentence with each": "各句之间的相似度",
    "The pair that is chosen": "所选的句对",
    "Point at a cell to see its two sentences,": "将鼠标指向一个格子，即可看到对应的两个句子，",
    "or go from cell to cell with the arrow keys.": "也可以用方向键逐格移动。",
    "{score} between “{first}” and “{second}”": "“{first}”与“{second}”：{score}",
    # --- transcript ---
    "Sound": "声音",
    "The outline of the sound is on its way.": "正在读取声音的波形。",
    "{position} of {duration}. Space plays, the arrow keys go 5 seconds back or on.": "{position}，全长 {duration}。按空格键播放，按方向键后退或前进 5 秒。",
    "Play": "播放",
    "Pause": "暂停",
    "What was said": "转写文本",
    "Enter plays from the line that the caret is in": "按回车键，从光标所在的行开始播放",
    "No speech was found in this sound.": "这段声音中没有检测到语音。",
    "Language: {language}": "语言：{language}",
    # --- text ---
    "Text by the model": "模型生成的文本",
    "The model added no text.": "模型没有生成文本。",
    "1 token": "1 个词元",
    "{count} tokens": "{count} 个词元",
    "The text is complete.": "已生成完毕。",
    "Stopped at the limit of new tokens.": "已达到新词元数的上限，在此停止。",
    # --- embedding ---
    "The model gave no numbers.": "模型没有给出数值。",
    "One vector of {columns} numbers": "1 个向量，含 {columns} 个数值",
    "{rows} token vectors of {columns} numbers each": "{rows} 个词元向量，每个含 {columns} 个数值",
    "Length (L2 norm) {norm}": "长度（L2 范数）{norm}",
    "Lengths (L2 norm) from {least} to {most}": "长度（L2 范数）从 {least} 到 {most}",
    "The first {shown} of {rows} vectors are shown.": "共 {rows} 个向量，这里显示前 {shown} 个。",
    "The numbers as colours": "以颜色表示的数值",
    "The first numbers": "开头的数值",
}
