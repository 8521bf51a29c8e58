// Gives the precompiled header an object to be compiled with.
