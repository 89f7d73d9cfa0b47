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
    # --- pictures ---
    "Plus and minus zoom, 0 shows all of it, the arrow keys move it": "按加号、减号缩放，按 0 显示整张图片，按方向键移动",
    "Zoom out": "缩小",
    "Zoom in": "放大",
    "Show the whole picture": "显示整张图片",
    "Size of a pixel of the picture on the screen": "图片像素在屏幕上的大小",
    "Nothing was found in this picture.": "在这张图片中没有找到任何内容。",
    "Shows or hides this label in the picture": "在图片中显示或隐藏此标签",
    "{label}: {share} of the picture": "{label}：占图片的 {share}",
    "{label}: {share} of the picture, score {score}": "{label}：占图片的 {share}，分数 {score}",
    "Point at the picture to see what is there.": "将鼠标指向图片，即可查看该处的内容。",
    # --- boxes ---
    "Things found and their scores": "找到的物体及其分数",
    "Least score that is shown": "显示的最低分数",
    "Score from {least}": "分数不低于 {least}",
    # --- masks ---
    "Parts of the picture and their scores": "图片的各个部分及其分数",
    "Opacity": "不透明度",
    "Opacity of the masks": "掩码的不透明度",
    # --- made pictures ---
    "The model made no picture.": "模型没有生成图片。",
    "Before": "原图",
    "After": "生成图",
    "How much of the new picture is shown": "显示多少生成的图片",
    "{width} × {height} pixels": "{width} × {height} 像素",
    # --- depth ---
    "Depth": "深度",
    "The model gave no depth for this picture.": "模型没有给出这张图片的深度。",
    "How much of the depth is laid over the picture": "深度图叠加在图片上的程度",
    "Colours from far ({far}) to near ({near})": "颜色由远（{far}）到近（{near}）",
    "Depth of {width} × {height} pixels, from {low} to {high}": "{width} × {height} 像素的深度，从 {low} 到 {high}",
    "far, {value}": "远，{value}",
    "near, {value}": "近，{value}",
    "{metres} m": "{metres} 米",
    "Point at the picture to see how far it is there.": "将鼠标指向图片，即可查看该处的远近。",
    "{value} at {x}, {y}": "{x}, {y} 处为 {value}",
    # --- answers ---
    "Answers and their scores": "答案及其分数",
    "Text with the answer": "标出了答案的文本",
    "The text does not answer this question.": "这段文本没有回答这个问题。",
    "No answer": "没有答案",
    # --- fills ---
    "Mask {number}": "空缺 {number}",
    "Words for mask {number}, the likeliest first": "空缺 {number} 处可能的词，最可能的在前",
    "Words for the mask, the likeliest first": "空缺处可能的词，最可能的在前",
    "There is no mask in this text.": "这段文本中没有空缺。",
    # --- ranking ---
    "There is nothing to rank.": "没有可以排序的内容。",
    "Texts, the best fitting first": "文本，最相关的在前",
    "The text that is chosen": "所选的文本",
    # --- sound that was made ---
    "The model made no sound.": "模型没有生成声音。",
    "{seconds} seconds at {rate} Hz": "{seconds} 秒，{rate} Hz",
}
