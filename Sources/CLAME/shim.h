// LAME's own header; the library is linked through the module map.
#include <lame/lame.h>
