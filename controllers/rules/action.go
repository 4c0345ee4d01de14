package rules

import (
	"fmt"
	"regexp"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// operation is what an action does with its field. The numbers are the order in
// which a rule's actions are carried out.
type operation int

const (
	clearOperation operation = iota
	setOperation
	removeOperation
	addOperation
)

func (o operation) String() string { return [...]string{"clear", "set", "remove", "add"}[o] }

// action is one entry of clear, set, remove or add.
type action struct {
	operation operation
	field     specField
	// customID is the id of a custom field; field has only a name then.
	customID string
	// value is nil for clear.
	value *expression
	// when limits the action; empty for always.
	when v1alpha1.SetWhen
	// force writes a field that another manager applied.
	force bool
}

var customFieldID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (c *compiler) compileActions(spec *v1alpha1.AutomationRuleSpec) *CompileError {
	for i, name := range spec.Update.Clear {
		place := fmt.Sprintf("clear[%d] %s", i, name)
		f, id, failed := c.actionField(place, name, clearOperation)
		if failed != nil {
			return failed
		}
		c.rule.actions = append(c.rule.actions, action{operation: clearOperation, field: f, customID: id, force: spec.Update.Force})
	}
	for _, list := range []struct {
		operation operation
		entries   []v1alpha1.FieldAssignment
	}{
		{setOperation, spec.Update.Set},
		{removeOperation, spec.Update.Remove},
		{addOperation, spec.Update.Add},
	} {
		for i, entry := range list.entries {
			a, failed := c.compileAssignment(list.operation, i, entry)
			if failed != nil {
				return failed
			}
			a.force = a.force || spec.Update.Force
			c.rule.actions = append(c.rule.actions, a)
		}
	}
	return c.checkActions()
}

func (c *compiler) compileAssignment(op operation, i int, entry v1alpha1.FieldAssignment) (action, *CompileError) {
	place := fmt.Sprintf("%s[%d] %s", op, i, entry.Field)
	f, id, failed := c.actionField(place, entry.Field, op)
	if failed != nil {
		return action{}, failed
	}
	if !slices.Contains([]v1alpha1.SetWhen{"", v1alpha1.SetWhenCreated, v1alpha1.SetWhenActive}, entry.When) {
		return action{}, &CompileError{Place: place, Message: `when is "created", "active" or left out`}
	}
	e, failed := compileExpression(c.env, place, entry.Value, true)
	if failed != nil {
		return action{}, failed
	}
	if !f.fits(e.typ, op) {
		return action{}, &CompileError{Place: place, Message: fmt.Sprintf("gives %s where %s takes %s", e.typ, f.name, f.kind)}
	}
	return action{operation: op, field: f, customID: id, value: e, when: entry.When, force: entry.Force}, nil
}

// actionField finds the field that an action names and checks that the operation
// makes sense for it.
func (c *compiler) actionField(place, name string, op operation) (specField, string, *CompileError) {
	record := c.rule.record
	if id, ok := record.customFieldID(name); ok {
		if !customFieldID.MatchString(id) {
			return specField{}, "", &CompileError{Place: place, Message: "the id of a custom field holds letters, digits, _ and -"}
		}
		if op == addOperation || op == removeOperation {
			return specField{}, "", &CompileError{Place: place, Message: "custom fields can be set and cleared only"}
		}
		return specField{name: name, kind: jsonValueKind}, id, nil
	}
	f, ok := record.field(name)
	switch {
	case !ok:
		return f, "", &CompileError{Place: place, Message: fmt.Sprintf("kind %s has no such field", record.kind), Hint: record.hint(name)}
	case f.engine:
		return f, "", &CompileError{Place: place, Message: "the field links the record to its subject and is set by itself"}
	case op == clearOperation && f.required:
		return f, "", &CompileError{Place: place, Message: "the field must not be empty"}
	case (op == addOperation || op == removeOperation) && !f.kind.isList():
		return f, "", &CompileError{Place: place, Message: fmt.Sprintf("the field takes %s, and only lists have %s", f.kind, op)}
	}
	return f, "", nil
}

func (k *recordKind) hint(name string) string {
	if k.customFields != nil && name == "customFields" {
		return "write customFields.<id>"
	}
	names := map[string]string{}
	for _, f := range k.fields {
		if !f.engine {
			names[f.name] = f.name
		}
	}
	return didYouMean(name, names)
}

// checkActions refuses what could only be a mistake: the same thing twice. A field
// may be set twice when one of the two is for created records: the later one wins.
func (c *compiler) checkActions() *CompileError {
	type key struct {
		operation   operation
		field       string
		createdOnly bool
	}
	seen, fields := map[key]bool{}, map[string]bool{}
	counts := map[operation]int{}
	for _, a := range c.rule.actions {
		k := key{a.operation, a.field.name, a.when == v1alpha1.SetWhenCreated}
		if seen[k] {
			return &CompileError{Place: fmt.Sprintf("%s[%d] %s", a.operation, counts[a.operation], a.field.name),
				Message: "the rule has this field in " + a.operation.String() + " before"}
		}
		seen[k] = true
		fields[a.field.name] = true
		if counts[a.operation]++; counts[a.operation] > MaxExpressions {
			return &CompileError{Place: a.operation.String(), Message: fmt.Sprintf("holds at most %d entries", MaxExpressions)}
		}
	}
	if len(fields) > MaxFields {
		return &CompileError{Place: "update", Message: fmt.Sprintf("a rule changes at most %d fields", MaxFields)}
	}
	return nil
}
