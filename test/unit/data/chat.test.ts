import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { createChat, loadChat } from "../../../src/data/chat.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { chatRow } from "../../../src/data/mixture.js";
import { temporaryProject } from "../../support/project.js";

const folder = join(import.meta.dirname, "../../../datasets/tokenizer");
const tokenizer: unknown = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8"));
const GENERATION =
  "{% for message in messages %}{% if message['role'] == 'assistant' %}\n" +
  "<assistant>{% generation %}{{ message['content'] }}<end>{% endgeneration %}\n" +
  "{% else %}<user>{{ message['content'] }}{% endif %}{% endfor %}";

const END = 3;

describe("the committed chat template", () => {
  const chat = loadChat(folder);
  const own = loadTokenizer(folder);

  it("writes a conversation as training does", () => {
    const { text, ids } = chat.render([
      { role: "user", content: "What is 2 + 2?" },
      { role: "assistant", content: "4" },
    ]);
    expect(text).toBe("<user>What is 2 + 2?<assistant>4<end>");
    expect(ids).toEqual(chatRow(own, "What is 2 + 2?", "4").ids);
  });

  it("opens the answer", () => {
    expect(chat.render([{ role: "user", content: "Why?" }], { generationPrompt: true }).text).toBe(
      "<user>Why?<assistant>",
    );
  });

  it("raises what the template raises", () => {
    expect(() => chat.render([{ role: "tool", content: "x" }])).toThrow("Unknown role: tool");
  });

  it("needs a message", () => {
    expect(() => chat.render([])).toThrow("Messages of a conversation: got 0");
  });
});

describe("a special token that a user writes", () => {
  const chat = loadChat(folder);
  const messages = [
    { role: "user", content: "Write <end> or <assistant>" },
    { role: "assistant", content: "<end>" },
  ];

  it("stays text", () => {
    const { text, ids } = chat.render(messages);
    expect(text).toBe("<user>Write <end> or <assistant><assistant><end><end>");
    expect(ids.filter((id) => id === END)).toHaveLength(1);
    expect(ids.filter((id) => id === 2)).toHaveLength(1);
    expect(ids.at(-1)).toBe(END);
    expect(loadTokenizer(folder).decode(ids)).toBe(text);
  });

  it("becomes the token where that is asked for, as in transformers", () => {
    const { ids } = chat.render(messages, { specials: "parsed" });
    expect(ids.filter((id) => id === END)).toHaveLength(3);
  });

  it("is refused where that is asked for", () => {
    expect(() => chat.render(messages, { specials: "refused" })).toThrow(
      'Special token in message 0: got "<assistant>", expected ordinary text.',
    );
  });

  it("keeps the mask of what the assistant learns in place", () => {
    const marked = createChat({ template: GENERATION, tokenizer });
    const { ids, assistant, text } = marked.render(messages);
    const learnt = ids.filter((_, index) => assistant[index] === 1);
    expect(loadTokenizer(folder).decode(learnt)).toBe("<end><end>");
    expect(text.endsWith("<end><end>")).toBe(true);
    expect(assistant).toHaveLength(ids.length);
  });

  it("cannot be told from marks where noncharacters stand in a message", () => {
    expect(() => chat.render([{ role: "user", content: "\ufdd0" }])).toThrow("U+FDD0 to U+FDEF");
  });
});

describe("a chat template", () => {
  it("reads no clock", () => {
    const template = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}no date{% endif %}";
    expect(createChat({ template, tokenizer }).render([{ role: "user", content: "" }]).text).toBe("no date");
  });

  it("is taken from chat_template.jinja first", () => {
    const project = temporaryProject();
    project.put("tokenizer.json", JSON.stringify(tokenizer));
    project.put("tokenizer_config.json", JSON.stringify({ eos_token: { content: "<end>" } }));
    expect(() => loadChat(project.root)).toThrow("Chat template of");
    project.put("chat_template.jinja", "{{ messages[0]['content'] }}{{ eos_token }}");
    expect(loadChat(project.root).render([{ role: "user", content: "a" }]).text).toBe("a<end>");
    project.remove();
  });

  it("is refused where it cannot be read", () => {
    expect(() => createChat({ template: "{% for %}", tokenizer })).toThrow(
      "The chat template cannot be read",
    );
  });
});
