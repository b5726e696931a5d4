package verify

import "bulla/keys"

// Failing lists the verdicts that keep a set from passing. Every signature counts, except on an
// image: whoever may push to a repository may add signatures there, so one good signature is
// enough, and others beside it are shown but decide nothing.
func Failing(vs []keys.Verdict, allowWeak bool) (out []keys.Verdict) {
	passed := map[string]bool{}
	for _, v := range vs {
		if v.Kind == keys.KindImage && v.OK(allowWeak) {
			passed[v.Target] = true
		}
	}
	for _, v := range vs {
		if !v.OK(allowWeak) && !(v.Kind == keys.KindImage && passed[v.Target]) {
			out = append(out, v)
		}
	}
	return out
}
