void drrl_anchor(void);
