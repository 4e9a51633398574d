/* The wheel's program, whose code is in the wheel's library. */
int sd_main(void);

int main(void) { return sd_main(); }
