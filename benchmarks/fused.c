/* The stripped job as one fused loop, for `fused.py`: each block of draws stays in registers and cache over all cycles.
   Exponentials are the compiler's vector library's (to about one unit in the last place). Compiled when it is needed:
   cc -O3 -march=native -ffast-math -fopenmp-simd -shared -fPIC fused.c -lm */
#include <math.h>
#include <string.h>

#define BLOCK 64

/* Arrays as in `stripped.Job`: shape, c_progressed, u_free, u_progressed [draw]; the others [strategy][draw]; log_time and discount
   [cycle + 1]. costs and qalys [strategy][draw] are written. */
void fused(long n_draws, long n_strategies, long n_cycles, long cap, double years, double v, const double *log_time,
           const double *discount, const double *shape, const double *rate, const double *r_death_free, const double *r_death_progressed,
           const double *c_drug, const double *c_progressed, const double *u_free, const double *u_progressed, double *costs,
           double *qalys) {
  for (long from = 0; from < n_draws; from += BLOCK) {
    long n = n_draws - from < BLOCK ? n_draws - from : BLOCK;
    for (long s = 0; s < n_strategies; s++) {
      const double *k = shape + from, *m = rate + s * n_draws + from, *d = r_death_free + s * n_draws + from;
      double free[BLOCK], progressed[BLOCK], hazard[BLOCK], stay_progressed[BLOCK], sum_free[BLOCK], sum_progressed[BLOCK], charged[BLOCK];
      memset(sum_free, 0, sizeof sum_free), memset(sum_progressed, 0, sizeof sum_progressed), memset(hazard, 0, sizeof hazard);
      memset(progressed, 0, sizeof progressed), memset(charged, 0, sizeof charged);
#pragma omp simd
      for (long i = 0; i < n; i++) free[i] = 1.0, stay_progressed[i] = exp(-r_death_progressed[s * n_draws + from + i] * years);
      for (long c = 0; c < n_cycles; c++) {
        const double at = discount[c], charge = c < cap ? at : 0.0, t = log_time[c + 1];
#pragma omp simd
        for (long i = 0; i < n; i++) {
          double end = m[i] * exp(k[i] * t), progression = end - hazard[i], leaving = progression + d[i] * years;
          double stay = exp(-leaving), moved = free[i] * (1.0 - stay) * progression / leaving;
          hazard[i] = end;
          sum_free[i] += at * free[i], sum_progressed[i] += at * progressed[i], charged[i] += charge * free[i];
          free[i] *= stay;
          progressed[i] = progressed[i] * stay_progressed[i] + moved;
        }
      }
      const double last = discount[n_cycles], half = sqrt(v) / 2;
      for (long i = 0; i < n; i++) {
        double time_free = half * (sum_free[i] + (sum_free[i] - 1.0 + last * free[i]) / v);
        double time_progressed = half * (sum_progressed[i] + (sum_progressed[i] + last * progressed[i]) / v);
        long at = s * n_draws + from + i;
        costs[at] = charged[i] * c_drug[at] + time_progressed * c_progressed[from + i];
        qalys[at] = years * (time_free * u_free[from + i] + time_progressed * u_progressed[from + i]);
      }
    }
  }
}
