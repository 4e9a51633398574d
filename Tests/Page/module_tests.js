// The beginning of each test of pure modules. Each runs as the body of an asynchronous function in the page;
// it returns the names of the tests that passed, and throws at the first that fails.

const equal = (found, expected, what) => {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
};
const passed = [];
const test = async (name, body) => {
  try {
    await body();
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
  passed.push(name);
};
