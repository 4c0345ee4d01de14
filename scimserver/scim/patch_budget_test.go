package scim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// workOf applies operations with a budget, and returns what they took of it.
func workOf(t *testing.T, rt *ResourceType, current Resource, budget int, operations ...string) (work int, err error) {
	t.Helper()
	patch, err := ParsePatch(rt, []byte(`{"Operations":[`+strings.Join(operations, ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	p := newPatcher(rt, current, Standard)
	p.budget = budget
	for i := range patch.Operations {
		if err := p.apply(&patch.Operations[i]); err != nil {
			return budget - p.budget, inOperation(i, err)
		}
	}
	_, err = p.finish()
	return budget - p.budget, err
}

// A PATCH is refused before it takes more work than the budget: what it looks through times what it looks for.
func TestAPatchTakesSoMuchWork(t *testing.T) {
	const values, terms, operations = 90, 50, 7
	numbers, objects, mails, members, large := make([]any, values), make([]any, values), make([]any, values), make([]any, values), object{}
	for i := range values {
		numbers[i] = number(fmt.Sprint(i))
		objects[i] = object{"k": fmt.Sprint(i), "t": "x"}
		mails[i] = object{"value": fmt.Sprintf("%d@x", i), "type": "work"}
		members[i] = object{"value": fmt.Sprint(i), "type": "User"}
		large[fmt.Sprintf("k%d", i)] = true
	}
	user := Resource{"userName": "a", "emails": mails, freeURN: object{"list": numbers, "objects": objects, "large": large}}
	group := Resource{"displayName": "a", "members": members}
	filter := func(term string) string { return strings.Repeat(term+" or ", terms-1) + term }
	list := func(item string) string { return "[" + strings.Repeat(item+",", terms-1) + item + "]" }
	for name, tt := range map[string]struct {
		rt         *ResourceType
		current    Resource
		operations []string
		atLeast    int
	}{
		"brackets in an extension":       {User, user, []string{`{"op":"remove","path":"` + freeURN + `:list[` + filter("value eq 1000") + `]"}`}, values * terms},
		"brackets with long texts":       {User, user, []string{`{"op":"remove","path":"emails[` + filter(`display eq \"y\"`) + `]"}`}, values * terms},
		"brackets of members":            {Group, group, []string{`{"op":"remove","path":"members[` + filter(`display eq \"y\"`) + `]"}`}, values * terms},
		"a list of objects":              {User, user, []string{`{"op":"remove","path":"` + freeURN + `:objects","value":` + list(`{"k":"y","t":"y"}`) + `}`}, values},
		"a list of values to remove":     {User, user, []string{`{"op":"remove","path":"emails","value":` + list(`{"value":"y"}`) + `}`}, values},
		"values to add":                  {User, user, []string{`{"op":"add","path":"emails","value":[{"value":"0@x","type":"work"}]}`}, values},
		"values to add to an extension":  {User, user, []string{`{"op":"add","path":"` + freeURN + `:list","value":[1]}`}, values},
		"members of an object":           {User, user, []string{`{"op":"add","path":"` + freeURN + `:large","value":{"k1":true}}`}, values},
		"members looked at and not":      {Group, group, []string{`{"op":"add","path":"members","value":[{"value":"new"}]}`, `{"op":"replace","path":"members[type eq \"User\"].type","value":"User"}`}, 2 * values},
		"names separated by many dots":   {User, user, []string{`{"op":"remove","path":"` + freeURN + `:no` + strings.Repeat(".a", values) + `"}`}, values},
		"a size that is looked at again": {User, user, []string{`{"op":"add","path":"` + freeURN + `:text","value":"` + strings.Repeat("x", MaxUnknownSize/3) + `"}`}, MaxUnknownSize / 3 / 32},
	} {
		t.Run(name, func(t *testing.T) {

			all := slices.Repeat(tt.operations, operations)
			work, err := workOf(t, tt.rt, tt.current, MaxPatchWork, all...)
			if err != nil || work < operations*tt.atLeast {
				t.Errorf("%d for %d times what takes at least %d; %v", work, operations, tt.atLeast, err)
			}
			if took, err := workOf(t, tt.rt, tt.current, work, all...); err != nil || took != work {
				t.Errorf("what is within the budget: %d, %v", took, err)
			}
			_, err = workOf(t, tt.rt, tt.current, work-1, all...)
			wantError(t, err, 400, TypeTooMany)
			if !strings.Contains(err.Error(), "operation ") {
				t.Errorf("%v: want the operation that goes beyond the budget", err)
			}
		})
	}
}

// What identity providers send to the largest group stays far within the budget.
func TestAPatchOfTheLargestGroupTakesLittleWork(t *testing.T) {
	members := make([]any, MaxMembers)
	for i := range members {
		members[i] = object{"value": fmt.Sprint(i), "type": "User"}
	}
	operations := []string{`{"op":"replace","value":{"displayName":"b"}}`, `{"op":"remove","path":"members","value":[{"value":"5"},{"value":"7"}]}`}
	for i := range 300 {
		operations = append(operations,
			fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":"new%d"}]}`, i),
			fmt.Sprintf(`{"op":"remove","path":"members[value eq \"%d\"]"}`, 10*i))
	}
	work, err := workOf(t, Group, Resource{"displayName": "a", "members": members}, MaxPatchWork, operations...)
	if err != nil || work > 2*MaxMembers {
		t.Errorf("%d, %v", work, err)
	}
}

// A text that is not ASCII is folded once, however many terms compare it and in however many operations.
func TestATextIsFoldedOnce(t *testing.T) {
	const terms = 50
	text := strings.Repeat("Ü", 100)
	element := object{"display": text, "value": text}
	filter, err := parseValueFilter(User.Attribute("emails"), strings.Repeat(`display co "ß" or value gt "é" or `, terms)+`type pr`)
	if err != nil {
		t.Fatal(err)
	}
	texts := folds{}
	matches := func() { matchElement(filter, element, texts) }
	matches()
	if allocated := testing.AllocsPerRun(1, matches); allocated > terms || len(texts) != 1 {
		t.Errorf("%.0f allocations for texts that are folded already, %d of them", allocated, len(texts))
	}
	listed, err := User.Attribute("emails").listing(slices.Repeat([]any{object{"value": text + "x", "type": "work"}}, terms), texts)
	if err != nil {
		t.Fatal(err)
	}
	if listed.has(element) || len(texts) != 2 || listed.cost() != 3 {
		t.Errorf("%d texts, %d look-ups for each value", len(texts), listed.cost())
	}
}

func TestAPatchEndsWithItsContext(t *testing.T) {
	operation := PatchOperation{Op: OpAdd, Path: "title", Value: "x", HasValue: true}
	without := PatchOperation{Op: OpAdd, Value: map[string]any{"title": "x", "nickName": "y", "locale": "z"}, HasValue: true}
	for looks, operations := range map[int][]PatchOperation{3: slices.Repeat([]PatchOperation{operation}, 4), 5: slices.Repeat([]PatchOperation{without}, 2)} {
		p := newPatcher(User, Resource{"userName": "a"}, Standard)
		left := looks
		p.ended = func() error {
			if left--; left < 0 {
				return context.DeadlineExceeded
			}
			return nil
		}
		var err error
		for i := range operations {
			if err = p.apply(&operations[i]); err != nil {
				break
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) || left != -1 {
			t.Errorf("got %v after %d looks, want the end of the context after %d", err, looks-left, looks+1)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := (&Patch{Type: User, Operations: []PatchOperation{operation}}).Apply(ctx, Resource{"userName": "a"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The limits hold after each operation: what goes beyond them is not carried along until the last one.
func TestLimitsHoldAfterEachOperation(t *testing.T) {
	mail := func(i int) string { return fmt.Sprintf(`{"op":"add","path":"emails","value":[{"value":"%d@x"}]}`, i) }
	var operations []string
	for i := range MaxValues + 1 {
		operations = append(operations, mail(i))
	}
	operations = append(operations, `{"op":"remove","path":"emails"}`)
	for name, tt := range map[string]struct {
		operations []string
		want       string
	}{
		"values":   {operations, fmt.Sprintf("operation %d", MaxValues+1)},
		"dots":     {[]string{`{"op":"add","path":"urn:x:y:a` + strings.Repeat(".a", maxPatchPath) + `","value":1}`, `{"op":"remove","path":"urn:x:y"}`}, "operation 1"},
		"brackets": {[]string{`{"op":"add","path":"urn:x:y:a[b eq 1].c` + strings.Repeat(".a", maxPatchPath) + `","value":1}`, `{"op":"remove","path":"urn:x:y"}`}, "operation 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workOf(t, User, Resource{"userName": "a"}, MaxPatchWork, tt.operations...)
			if err == nil || !strings.Contains(err.Error(), tt.want+":") {
				t.Errorf("got %v, want an error in %s", err, tt.want)
			}
		})
	}
}
