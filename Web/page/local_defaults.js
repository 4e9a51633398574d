// What the engine in the browser does unless the options say otherwise.

export const defaultModel = "htdemucs";
/** INT8 takes 40 % less memory: for phones and small tablets. Only some browsers tell their memory, in GB. */
export const defaultPrecision = (navigator.deviceMemory ?? 8) < 4 ? "int8" : "float32";
