#ifndef PICOLLM_TEST_HELLOFROMC_H
#define PICOLLM_TEST_HELLOFROMC_H

#ifdef __cplusplus
extern "C"
#endif
    /* Appends what the model in `directory` answers to `text`; nonzero: failed.
     */
    int helloFromC(const char *directory, const char *prompt, char *text);

#endif
