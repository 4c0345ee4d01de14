package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// Rule is a compiled AutomationRule. It is immutable, so it may be used by any
// number of plans at once. Compiling takes milliseconds, planning microseconds:
// compile a rule once a generation.
type Rule struct {
	name       string
	generation int64
	position   int32
	subject    *subject
	// record is the kind of record that the rule updates.
	record      *recordKind
	expressions []namedExpression
	// index is where in expressions a name is.
	index map[string]int
	// condition is nil where the rule always applies.
	condition *expression
	match     *expression
	create    bool
	// actions are in the order in which they are carried out.
	actions []action
}

type namedExpression struct {
	*expression
	name string
}

// Name is the rule's metadata.name.
func (r *Rule) Name() string { return r.name }

// Generation is the metadata.generation that was compiled.
func (r *Rule) Generation() int64 { return r.generation }

// Position is the rule's place in the order of execution.
func (r *Rule) Position() int32 { return r.position }

// Subject is the kind of object that the rule reads.
func (r *Rule) Subject() v1alpha1.SubjectKind { return r.subject.kind }

// Record is the kind of record that the rule updates.
func (r *Rule) Record() v1alpha1.RecordKind { return r.record.kind }

// Sort puts rules in the order of execution: by position, then by name.
func Sort(rules []*Rule) {
	slices.SortFunc(rules, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.name, b.name))
	})
}

// CompileError says what is wrong with a rule, and where.
type CompileError struct {
	// Place is the part of the rule: `expression "organization"`, "condition",
	// "match.primaryEmail", "set[3] jobTitle" (counted from 0, as in a field path).
	Place string
	// Line and Column are where in that part's text the error is, counted from 1,
	// in characters. Both are 0 when the error is not in the text of an expression.
	Line, Column int
	// Message says what is wrong.
	Message string
	// Hint is a suggestion, such as "did you mean user.title?", or "".
	Hint string
}

// Error gives all of it in one line.
func (e *CompileError) Error() string {
	text := e.Place
	if e.Line > 0 {
		text += fmt.Sprintf(", line %d, column %d", e.Line, e.Column)
	}
	text += ": " + e.Message
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Compile checks a rule and makes it ready to run. An error about the rule is a
// *CompileError. Disabled rules compile as well; leaving them out of a plan is the
// caller's business.
func Compile(rule *v1alpha1.AutomationRule) (*Rule, error) {
	subject, record, failed := kindsOf(rule)
	if failed != nil {
		return nil, failed
	}
	env, err := subject.env()
	if err != nil {
		return nil, err
	}
	c := &compiler{env: env, rule: &Rule{
		name:       rule.Name,
		generation: rule.Generation,
		subject:    subject,
		record:     record,
		index:      make(map[string]int, len(rule.Spec.Expressions)),
		create:     rule.Spec.Update.Create,
	}}
	if rule.Spec.Position != nil {
		c.rule.position = *rule.Spec.Position
	}
	for _, step := range []func(*v1alpha1.AutomationRuleSpec) *CompileError{
		c.compileExpressions, c.compileMatch, c.declareRecord, c.compileCondition, c.compileActions,
	} {
		if failed := step(&rule.Spec); failed != nil {
			return nil, failed
		}
	}
	return c.rule, nil
}

// kindsOf gives what a rule is about, or what is wrong with it as a whole.
func kindsOf(rule *v1alpha1.AutomationRule) (*subject, *recordKind, *CompileError) {
	var subject *subject
	switch rule.Spec.Subject {
	case v1alpha1.SubjectScimUser:
		subject = userSubject
	case v1alpha1.SubjectScimGroup:
		subject = groupSubject
	default:
		return nil, nil, &CompileError{Place: "subject", Message: "a rule is for ScimUser or ScimGroup"}
	}
	var kinds []string
	for _, record := range subject.records {
		if record.kind == rule.Spec.Update.Kind {
			return subject, record, checkRuleLength(&rule.Spec)
		}
		kinds = append(kinds, string(record.kind))
	}
	return nil, nil, &CompileError{Place: "update.kind",
		Message: fmt.Sprintf("a rule for %s updates kind %s", subject.kind, strings.Join(kinds, " or "))}
}

// checkRuleLength comes before anything is compiled, because that is what takes the time.
func checkRuleLength(spec *v1alpha1.AutomationRuleSpec) *CompileError {
	length := utf8.RuneCountInString(spec.Condition)
	for _, named := range spec.Expressions {
		length += utf8.RuneCountInString(named.Value)
	}
	for _, value := range spec.Update.Match {
		length += utf8.RuneCountInString(string(value))
	}
	for _, entry := range slices.Concat(spec.Update.Set, spec.Update.Add, spec.Update.Remove) {
		length += utf8.RuneCountInString(entry.Value)
	}
	if length <= MaxRuleLength {
		return nil
	}
	return &CompileError{Place: "expressions", Message: fmt.Sprintf("the expressions of a rule hold at most %d characters together, these %d", MaxRuleLength, length),
		Hint: "make several rules of it"}
}

// compiler holds the rule in the making; env grows by every named expression.
type compiler struct {
	env  *cel.Env
	rule *Rule
}

var expressionName = regexp.MustCompile(`^[a-z][A-Za-z0-9_]{0,62}$`)

func (c *compiler) compileExpressions(spec *v1alpha1.AutomationRuleSpec) *CompileError {
	if len(spec.Expressions) > MaxExpressions {
		return &CompileError{Place: "expressions", Message: fmt.Sprintf("a rule holds at most %d expressions", MaxExpressions)}
	}
	for _, named := range spec.Expressions {
		place := fmt.Sprintf("expression %q", named.Name)
		if failed := c.checkName(place, named.Name); failed != nil {
			return failed
		}
		e, failed := compileExpression(c.env, place, named.Value, true)
		if failed != nil {
			return failed
		}
		if failed := c.declare(place, named.Name, e.typ); failed != nil {
			return failed
		}
		c.rule.index[named.Name] = len(c.rule.expressions)
		c.rule.expressions = append(c.rule.expressions, namedExpression{e, named.Name})
	}
	return nil
}

func (c *compiler) checkName(place, name string) *CompileError {
	if !expressionName.MatchString(name) {
		return &CompileError{Place: place,
			Message: "a name holds up to 63 letters, digits and underscores and begins with a lower-case letter"}
	}
	if _, twice := c.rule.index[name]; twice {
		return &CompileError{Place: place, Message: "the rule has another expression with this name"}
	}
	taken := name == recordVariable || slices.ContainsFunc(c.rule.subject.variables, func(v variable) bool { return v.name == name })
	if taken {
		return &CompileError{Place: place, Message: "the name is that of a variable; choose another"}
	}
	if _, issues := c.env.Parse(name); issues.Err() != nil {
		return &CompileError{Place: place, Message: "the name is a reserved word of CEL; choose another"}
	}
	return nil
}

// declare makes a value known to what follows in the rule.
func (c *compiler) declare(place, name string, t *types.Type) *CompileError {
	env, err := c.env.Extend(cel.Variable(name, t))
	if err != nil {
		return &CompileError{Place: place, Message: err.Error()}
	}
	c.env = env
	return nil
}

func (c *compiler) compileMatch(spec *v1alpha1.AutomationRuleSpec) *CompileError {
	want := c.rule.record.match
	value, ok := spec.Update.Match[want]
	if !ok || len(spec.Update.Match) != 1 {
		return &CompileError{Place: "match", Message: fmt.Sprintf("kind %s is matched by %s alone", spec.Update.Kind, want)}
	}
	e, failed := compileExpression(c.env, "match."+want, string(value), false)
	if failed != nil {
		return failed
	}
	if kind := e.typ.Kind(); kind != types.StringKind && kind != types.DynKind {
		return &CompileError{Place: e.place, Message: fmt.Sprintf("gives %s where text is needed", e.typ)}
	}
	c.rule.match = e
	return nil
}

// declareRecord comes after match, which finds the record.
func (c *compiler) declareRecord(*v1alpha1.AutomationRuleSpec) *CompileError {
	return c.declare("update", recordVariable, c.rule.record.typ.celType)
}

func (c *compiler) compileCondition(spec *v1alpha1.AutomationRuleSpec) *CompileError {
	if spec.Condition == "" {
		return nil
	}
	e, failed := compileExpression(c.env, "condition", spec.Condition, false)
	if failed != nil {
		return failed
	}
	if kind := e.typ.Kind(); kind != types.BoolKind && kind != types.DynKind {
		return &CompileError{Place: e.place, Message: fmt.Sprintf("gives %s where true or false is needed", e.typ)}
	}
	c.rule.condition = e
	return nil
}
