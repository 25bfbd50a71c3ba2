// The schema as JSON Schema (draft 2020-12), for editors: completion, sentences and limits while a file is written.

import type { Fields, Form, Option, Shape } from './option.js';
import { retired, schema } from './schema.js';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What `bosh.schema.json` holds. */
export function editorSchema(): JsonSchema {
  const root = optionSchema(schema);
  const { properties, ...rest } = root as { properties: Record<string, JsonSchema> };
  const passed = [...retired].map(([name, why]) => [name, { deprecated: true, description: `Passed over: ${why}.` }]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'bosh.conf.json',
    ...rest,
    properties: { $schema: { type: 'string' }, ...properties, ...Object.fromEntries(passed) },
    allowComments: true,
    allowTrailingCommas: true,
  };
}

const FROM_ENVIRONMENT = '\\$\\{env:[A-Za-z_][A-Za-z0-9_]*\\}';
const UNITS = {
  seconds: '([mM][sS]|[sS]([eE][cC])?|[mM]([iI][nN])?|[hHdD])?',
  bytes: '([bB]|[kKmMgG][iI]?[bB])?',
};

function optionSchema(option: Option<unknown>): JsonSchema {
  const shaped = { description: option.about, ...shapeSchema(option.shape), ...defaultOf(option) };
  return option.nullable ? { description: option.about, default: null, anyOf: [{ type: 'null' }, shaped] } : shaped;
}

function defaultOf({ shape, default: value, nullable }: Option<unknown>): JsonSchema {
  return value === undefined || nullable || shape.kind === 'group' ? {} : { default: value };
}

function shapeSchema(shape: Shape): JsonSchema {
  switch (shape.kind) {
    case 'text':
      return shape.values === undefined
        ? { type: 'string' }
        : { anyOf: [{ enum: shape.values }, { type: 'string', pattern: anyCase(shape.values) }] };
    case 'number':
      return numberSchema(shape);
    case 'flag':
      return { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: `^${FROM_ENVIRONMENT}$` }] };
    case 'list':
      return {
        anyOf: [
          { type: 'array', items: { type: 'string', ...formSchema(shape.form) } },
          { type: 'string', pattern: FROM_ENVIRONMENT },
        ],
      };
    case 'map':
      return { type: 'object', additionalProperties: optionSchema(shape.item) };
    case 'group':
      return groupSchema(shape.fields);
  }
}

function numberSchema({ min, max, unit, fraction, word }: Extract<Shape, { kind: 'number' }>): JsonSchema {
  const plain = { type: fraction ? 'number' : 'integer', minimum: min, maximum: max };
  const text =
    unit === undefined ? `^${FROM_ENVIRONMENT}$` : `^(\\s*\\d+(\\.\\d+)? ?${UNITS[unit]}\\s*|${FROM_ENVIRONMENT})$`;
  return { anyOf: [plain, ...(word === undefined ? [] : [{ enum: [word] }]), { type: 'string', pattern: text }] };
}

function groupSchema(fields: Fields): JsonSchema {
  const properties: [string, JsonSchema][] = Object.entries(fields).flatMap(([name, option]) => [
    [name, optionSchema(option)] as [string, JsonSchema],
    ...(option.secret
      ? [[`${name}_file`, { type: 'string', description: `File with: ${option.about}` }] as [string, JsonSchema]]
      : []),
    ...(option.was ?? []).map(
      (was) =>
        [was, { ...optionSchema(option), deprecated: true, description: `Old name of ${name}.` }] as [
          string,
          JsonSchema,
        ],
    ),
  ]);
  const required = Object.entries(fields).flatMap(([name, option]) => (option.required ? [name] : []));
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
    ...(required.length > 0 ? { required } : {}),
  };
}

function formSchema(form: Form): JsonSchema {
  return form === 'pattern' ? { description: 'exact, "*.example.com" or "*"' } : {};
}

function anyCase(values: readonly string[]): string {
  const words = values.map((value) =>
    [...value].map((c) => (/[a-z]/i.test(c) ? `[${c.toUpperCase()}${c.toLowerCase()}]` : c)).join(''),
  );
  return `^(${words.join('|')}|.*${FROM_ENVIRONMENT}.*)$`;
}
