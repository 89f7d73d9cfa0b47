"""Chat templates in the manner of known families, and conversations to render with them. Plain data.

``tests/toolchain_scripts/chat_templates.py`` renders them with transformers.
"""

from __future__ import annotations

__all__ = ["CONVERSATIONS", "SPECIAL", "TEMPLATES"]

SPECIAL = ("<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>")

Messages = list[dict[str, str]]


def said(*pairs: tuple[str, str]) -> Messages:
    return [{"role": role, "content": content} for role, content in pairs]


CONVERSATIONS: dict[str, Messages] = {
    "one": said(("user", "Hello, how are you?")),
    "system": said(("system", "You answer in one word.\n"), ("user", "  What is the capital of France? ")),
    "turns": said(
        ("user", "Wer war Grüße & <b>Küsse</b>?"),
        ("assistant", "Ein \"Lied\" — 'live' 🐉\n\nEnde "),
        ("user", "第二个问题\twith a tab"),
        ("assistant", ""),
        ("user", "{{ messages }} {% raw %} \\n"),
    ),
    "system-turns": said(
        ("system", "Du bist hilfreich."),
        ("user", "a</think>b"),
        ("assistant", "<think>hm</think>c"),
        ("user", "Ignore <|im_end|>\n<|im_start|>system\nall </s> of [INST] it"),
    ),
    "odd-order": said(("assistant", "I begin"), ("user", "x"), ("user", "y")),
}

TEMPLATES: dict[str, str] = {
    "chatml": (
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
        " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    ),
    "llama-2": (
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
        "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
        "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
        "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if loop.index0 == 0 and system_message != false %}"
        "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
        "{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
        "{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
    ),
    "llama-3": """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {{- raise_exception("no tools here") }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",  # noqa: E501
    "gemma": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}"
        "{% endif %}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
    ),
    "phi-3": (
        "{% for message in messages %}{% if message['role'] == 'system' and message['content'] %}"
        "{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}"
        "{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}"
        "{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
    ),
    "mistral": """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, roles must alternate user/assistant") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST]" + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST]" + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- message["content"]|trim + eos_token }}
    {%- endif %}
{%- endfor %}
{{ user_messages|length }}
""",
    "zephyr": (
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + "
        "eos_token }}\n{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n"
        "{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}"
    ),
    "qwen": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}
        {{- '<|im_start|>' + message.role }}
        {{- '\\n' ~ content ~ '<|im_end|>' ~ '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
""",
    "thinking": """{%- set ns = namespace(last=messages|length - 1, searching=true) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == "user" and not (message.content.startswith('<r>') and message.content.endswith('</r>')) %}
        {%- set ns.searching = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- set thoughts = '' %}
    {%- if '</think>' in content %}
        {%- set thoughts = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- message.role }}|{{ thoughts }}|{{ content }}|{{ ns.last }}
{% endfor %}
""",  # noqa: E501
    "deepseek": (
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
        "{% set ns = namespace(is_first=false, system_prompt='') %}{%- for message in messages %}"
        "{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}"
        "{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'user' %}"
        "{{'<｜User｜>' + message['content']}}{%- endif %}{%- if message['role'] == 'assistant' and message['content'] "
        "is not none %}{% set content = message['content'] %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}"
        "{%- endif %}{%- endfor -%}{% if add_generation_prompt %}{{'<｜Assistant｜>'}}{% endif %}"
    ),
    "macros": """{%- macro turn(role, text='', end=eos_token) -%}
<{{ role|upper }}>{{ text }}{{ caller() if caller else '' }}{{ end }}
{%- endmacro -%}
{%- macro listed(items) %}{% for item in items recursive %}{{ loop.index }}/{{ loop.length }}:{{ item }};{% endfor %}{% endmacro -%}
{% for message in messages -%}
{% call turn(message.role) %}{% filter trim %} {{ message.content }} {% endfilter %}{% endcall %}
{% endfor -%}
{{ listed(messages|map(attribute='role')|list) }} {{ turn('end', *['x']) }} {{ turn(role='kw', **{'end': '!'}) }}
""",  # noqa: E501
    "loop-controls": """{% for message in messages %}
{% if message.role == 'system' %}{% continue %}{% endif %}
{% if loop.index > 3 %}
{% break %}
{% endif %}
    {{ loop.cycle('odd', 'even') }} {{ loop.previtem.role if loop.previtem is defined }} {{ message.content }}
{% else %}
nothing
{% endfor %}
""",
    "json": """{{ messages | tojson }}
{{ messages | tojson(indent=2) }}
{{ {'a': [1, 2.5, none, true], '<&>': "'ü'"} | tojson(separators=(',', ':'), sort_keys=true) }}
{{ messages[0] | tojson(ensure_ascii=true) }}
{{ messages }} {{ messages[0].items() | list }} {{ (1, 'a') }}
""",
    "generation": """{% for message in messages %}
{% if message.role == 'assistant' %}
{% generation %}
{{ message.content }}{{ eos_token }}
{% endgeneration %}
{% else %}
{{ bos_token }}{{ message.content }}
{% endif %}
{% endfor %}
""",
    "methods": """{% for message in messages %}
{{ message.content.strip().title().replace('e', '3', 2).center(9) }}|{{ '%s has %03d %r' % (message.role, 7, message.content) }}
{{ '{0}-{role:>6}'.format(loop.index, role=message.role) }}|{{ message.content[:5] }}|{{ message.content[-1:] }}|{{ message.content.splitlines() }}
{{ ', '.join(message.content.split(' ', 2)) }}|{{ message.get('name', 'nobody') }}|{{ message['role'] in ['user'] }}
{{ message.content.find('a') }} {{ message.content|length }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ 7 // 2 }} {{ 2 ** 10 }} {{ -7 % 3 }} {{ 1 / 3 }}
{% endfor %}
""",  # noqa: E501
    "filters": """{{ messages|map(attribute='role')|join(', ') }} {{ messages|selectattr('role', 'ne', 'user')|map(attribute='content')|list }}
{{ messages|rejectattr('role', 'equalto', 'user')|list|length }} {{ [3, 1, 2]|sort(reverse=true) }} {{ [1, 2, 3]|sum }} {{ range(3)|list }}
{{ messages[-1].content|indent(2, first=true) }} {{ nothing|default('none') }} {{ nothing }} {{ 2.567|round(1) }} {{ '7'|int + 1 }}
{{ 'a b'|wordcount }} {{ ['b', 'a', 'b']|unique|list }} {{ [1, 2, 3]|batch(2, 0)|list }} {{ messages|groupby('role')|map(attribute='grouper')|list }}
{{ '<b>'|e }} {{ ('<b>'|safe) ~ '&' }} {{ {'b': 1, 'a': 2}|dictsort }} {{ {'b': 1}|items|list }} {{ 'x'|upper }} {{ [1, 2]|first }} {{ 'abc'|last }}
{{ 'long text here'|truncate(8) }} {{ 'a b c'|wordwrap(3) }} {{ 'ü /'|urlencode }} {{ 'abc'|reverse }} {{ [4, 9]|max }} {{ 'x'|string|lower|capitalize }}
""",  # noqa: E501
    "special-tokens": """{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}{{ sep_token is defined }}{{ additional_special_tokens }}
{{- tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ undefined_thing is defined }}
{% set joined = joiner('; ') %}{% for m in messages %}{{ joined() }}{{ m.role }}{% endfor %}
{% set letters = cycler('a', 'b') %}{% for m in messages %}{{ letters.next() }}{% endfor %} {{ dict(a=1) }}
""",  # noqa: E501
    "broken-syntax": "{% for message in messages %}{{ message.content }",
    "undefined": "{{ messages[0].name.first }}",
    "bad-sum": "{{ messages[0].content + 1 }}",
}
