/* What the compiler's own library has for Apple's systems, which the compiler links by itself. */
extern unsigned __cpu_model[4];
extern unsigned __cpu_features2;
unsigned __cpu_model[4];
unsigned __cpu_features2;
