#include "CKernels.h"
void drrl_anchor(void) {}
