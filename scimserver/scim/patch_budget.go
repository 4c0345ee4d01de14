package scim

// MaxPatchWork bounds what one PATCH may look for: the values that it looks through times what it looks for in them, over
// all operations. One takes about 200 ns, so that all of it is about a second.
const MaxPatchWork = 5_000_000

// quickPatchWork is how much of that nobody else needs to know of: a few milliseconds.
const quickPatchWork = 20_000

// maxPatchPath is how long a path may be, without what is in brackets.
const maxPatchPath = maxSelectedPath

// spend takes some work off what the PATCH may do, before it is done.
func (p *patcher) spend(work int) error {
	if p.budget -= work; p.budget < 0 {
		return BadRequest(TypeTooMany, "the request compares too many values with each other; split it into several, or name what is meant by its value")
	}
	if long := p.long; long != nil && p.budget < MaxPatchWork-quickPatchWork {
		p.long = nil
		p.refused = long()
	}
	return p.refused
}

// weigh is how much looking through the values of an attribute once is. Members are short.
func (a *Attribute) weigh(values []any) int {
	if a.byValue() {
		return len(values)
	}
	return weight(values)
}

// weight is how many values are in a value with itself, a long text counting as several.
func weight(v any) int {
	n := 1
	switch v := v.(type) {
	case string:
		n += len(v) / 32
	case []any:
		for _, element := range v {
			n += weight(element)
		}
	case map[string]any:
		for name, member := range v {
			n += weight(member) + len(name)/32
		}
	}
	return n
}

// terms is how many comparisons a filter makes with a value.
func terms(n node) int {
	switch n := n.(type) {
	case nil:
		return 0
	case *group:
		sum := 0
		for _, term := range n.terms {
			sum += terms(term)
		}
		return sum
	case *negation:
		return terms(n.inner)
	case *valuePath:
		return 1 + terms(n.inner)
	default:
		return 1
	}
}
