package authz

// Condition is what a rule asks of one attribute, and what the request has.
type Condition struct {
	// Attribute by its name in Istio's reference of conditions, e.g. "source.principal", "request.headers[x-user]".
	Attribute string `json:"attribute,omitempty"`
	// Field is where it is written in the object, e.g. "spec.rules[0].from[0].source.principals".
	Field string `json:"field"`
	// Values as written: the request must have one of them, with Not none of them.
	Values []string `json:"values,omitempty"`
	Not    bool     `json:"not,omitempty"`
	// Got is what the request has; Absent says that it has nothing, or that it is not known.
	Got    string `json:"got,omitempty"`
	Absent bool   `json:"absent,omitempty"`
	// Note says more where that does not tell all.
	Note string `json:"note,omitempty"`
}

// outcome is what a rule says of a request: it matches when nothing is unmet.
type outcome struct {
	rule       *rule
	met, unmet []Condition
}

func (o outcome) matches() bool { return len(o.unmet) == 0 }

// walk goes over a rule. Of several sources, and of several operations, the one with the fewest unmet conditions counts. widens is that of
// the policy's action (rules.Widens): what cannot be asked, or does not exist on the connection, then counts as met. A rule that allows asks
// for all that it says; on a connection without HTTP it allows nothing as soon as any part of it needs HTTP (Istio, "Authorization for TCP
// traffic").
func (r *rule) walk(f *facts, widens bool) outcome {
	out := outcome{rule: r}
	if f.HTTP == nil && !widens {
		if c := r.needsHTTP(); c != nil {
			c.Absent, c.Note = true, "the connection is not HTTP: a rule that asks for this allows nothing on it"
			out.unmet = []Condition{*c}
			return out
		}
	}
	out.take(best(f, r.from, widens))
	out.take(best(f, r.to, widens))
	out.take(all(f, r.when, widens))
	return out
}

func (r *rule) needsHTTP() *Condition {
	lists := append(append([][]matcher{r.when}, r.from...), r.to...)
	for _, matchers := range lists {
		for _, m := range matchers {
			if m.constraint.Attribute.HTTP() {
				return &m.Condition
			}
		}
	}
	return nil
}

func (o *outcome) take(met, unmet []Condition) {
	o.met, o.unmet = append(o.met, met...), append(o.unmet, unmet...)
}

func best(f *facts, alternatives [][]matcher, widens bool) (met, unmet []Condition) {
	for i, matchers := range alternatives {
		m, u := all(f, matchers, widens)
		if i == 0 || len(u) < len(unmet) {
			met, unmet = m, u
		}
		if len(unmet) == 0 {
			break
		}
	}
	return met, unmet
}

func all(f *facts, matchers []matcher, widens bool) (met, unmet []Condition) {
	for i := range matchers {
		c, ok := matchers[i].check(f, widens)
		if ok {
			met = append(met, c)
		} else {
			unmet = append(unmet, c)
		}
	}
	return met, unmet
}

// check asks for one attribute.
func (m *matcher) check(f *facts, widens bool) (Condition, bool) {
	c := m.Condition
	if m.constraint.Invalid {
		return c, widens
	}
	if m.constraint.Attribute.HTTP() && f.HTTP == nil {
		c.Absent, c.Note = true, "left out: the connection is not HTTP"
		return c, widens
	}
	got, known := read(f, m.constraint)
	if c.Absent = !known; known {
		c.Got = got
	}
	for _, t := range m.tests {
		if t(f) {
			return c, !m.Not
		}
	}
	return c, m.Not
}
