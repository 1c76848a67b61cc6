// Saves the numbers of the page as a file.
const numbers = document.querySelector('#numbers')?.textContent ?? '';
const button = document.createElement('button');
button.type = 'button';
button.textContent = 'Save numbers';
button.title = 'All numbers of this page as JSON';

button.addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([numbers], { type: 'application/json' }));
  link.download = 'gperf.json';
  link.click();
  URL.revokeObjectURL(link.href);
});
document.querySelector('#tools')?.append(button);
