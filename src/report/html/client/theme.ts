// A button that overrides the system's choice of light or dark until the page is closed.
const root = document.documentElement;
const system = matchMedia('(prefers-color-scheme: dark)');
const button = document.createElement('button');
button.type = 'button';

const isDark = (): boolean => (root.dataset['theme'] ?? (system.matches ? 'dark' : 'light')) === 'dark';
const show = (): void => {
  button.textContent = isDark() ? '☀ Light' : '☾ Dark';
};

button.addEventListener('click', () => {
  root.dataset['theme'] = isDark() ? 'light' : 'dark';
  show();
});
system.addEventListener('change', show);
show();
document.querySelector('#tools')?.append(button);
