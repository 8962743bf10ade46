/** A loader hook of Node, in its own thread: gives out the source text of the sender with a known bug in it. */
import { readFile } from 'node:fs/promises';
import type { LoadHook } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { relative } from 'node:path';
import ts from 'typescript';
import { projectRoot } from '../support/project.ts';
import { editsOf, mutate, plantedName, type Mutation } from './mutation.ts';

let planted: Mutation | undefined;

export function initialize(mutation: Mutation): void {
  planted = mutation;
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const file = url.startsWith('file:') ? sourceOf(url) : undefined;
  if (planted === undefined || file === undefined) return nextLoad(url, context);
  if (!editsOf(planted).some((edit) => edit.file === file)) return nextLoad(url, context);
  const text = mutate(planted, file, await readFile(new URL(file, rootUrl), 'utf8'));
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: url.endsWith('.js'),
    },
  });
  const told = `(globalThis[Symbol.for('${plantedName}')] ??= []).push('${file}');\n`;
  return { format: 'module', shortCircuit: true, source: told + outputText };
};

const rootUrl = pathToFileURL(`${projectRoot}/`);

/** The TypeScript file of a module of ours, whether it runs from source or from dist/. */
function sourceOf(url: string): string {
  const path = relative(projectRoot, fileURLToPath(url)).replaceAll('\\', '/');
  return path.replace(/^dist\//, '').replace(/\.js$/, '.ts');
}
