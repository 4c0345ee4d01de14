package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
)

// shownValue is how many characters of a value are shown without -o wide.
const shownValue = 48

// story prints what is wrong first and what to do, then what led there.
func (p *page) story(s *story.Story, wide bool) {
	p.text("", "", s.Subject.Kind+" "+s.Title+" ("+s.Subject.Namespace+"/"+s.Subject.Name+")")
	p.text("", "", s.Summary)
	for i := range s.Problems {
		p.problem(&s.Problems[i], s.Subject, wide)
	}
	if len(s.NotAllowed) > 0 {
		p.text("? ", "  ", "You may not read "+strings.Join(s.NotAllowed, ", ")+", so what these hold is not told here. ClusterRole scim-viewer has the right.")
	}
	p.blank()
	p.sent(s)
	p.memberships(s)
	for i := range s.Rules {
		p.rule(&s.Rules[i], i == 0, wide)
	}
	for i := range s.Records {
		p.record(&s.Records[i], wide)
	}
	for _, related := range s.Related {
		p.labelled("See", related.As+": "+related.Subject.Kind+" "+cmp.Or(related.Title, related.Subject.Name)+" ("+related.Subject.Name+")")
	}
	if wide && len(s.Stored) > 0 {
		p.blank()
		p.text("", "", "What the client sent:")
		for _, attribute := range s.Stored {
			p.text("  ", "    ", attribute.Name+": "+attribute.Value)
		}
	}
}

// marks are before problems: what is wrong, what is under way, what is only good to know.
var marks = map[story.Severity]string{story.SeverityError: "WRONG", story.SeverityWaiting: "WAITS", story.SeverityNotice: "NOTE"}

func (p *page) problem(problem *story.Problem, of story.Subject, wide bool) {
	p.blank()
	head := problem.Reason
	if problem.On != of {
		head += " (" + problem.On.Kind + " " + problem.On.Name + ")"
	}
	if !problem.Since.IsZero() {
		head += ", since " + age(problem.Since)
	}
	p.labelled(marks[problem.Severity], head)
	indent := strings.Repeat(" ", labelWidth)
	p.text(indent, indent, problem.Message)
	for _, fact := range problem.Facts {
		p.text(indent+"- ", indent+"  ", fact)
	}
	for i, remedy := range problem.Remedies {
		p.remedy(remedy)
		if i == 0 && problem.Severity == story.SeverityNotice && !wide {
			break
		}
	}
}

// advice is what to do, and where the project's documents have more.
func advice(remedy story.Remedy) string {
	if remedy.Link == "" {
		return remedy.Text
	}
	return remedy.Text + " (more in the operator's documents: " + remedy.Link + ")"
}

// remedy prints what to do, and the commands.
func (p *page) remedy(remedy story.Remedy) {
	indent := strings.Repeat(" ", labelWidth)
	p.labelled("  Do", advice(remedy))
	for _, command := range remedy.Commands {
		p.command(indent, command)
	}
}

func (p *page) sent(s *story.Story) {
	sent := s.Sent
	if sent == nil {
		return
	}
	var parts []string
	if !sent.ProvisionedAt.IsZero() {
		parts = append(parts, "created "+age(sent.ProvisionedAt))
	}
	if !sent.LastModified.IsZero() {
		parts = append(parts, "changed "+age(sent.LastModified))
	}
	if sent.RequestID != "" {
		parts = append(parts, "by request "+sent.RequestID)
	}
	switch {
	case sent.Endpoint != "":
		parts = append(parts, "through ScimEndpoint "+sent.Endpoint)
	case sent.TokenID != "":
		parts = append(parts, "with token "+sent.TokenID+", which no endpoint has now")
	}
	switch {
	case !sent.DeletedAt.IsZero():
		parts = append(parts, "deleted "+age(sent.DeletedAt))
	case sent.Active != nil && *sent.Active:
		parts = append(parts, "active")
	case sent.Active != nil:
		parts = append(parts, "not active")
	}
	p.labelled("Sent", strings.Join(parts, ", "))
	if s.Members != nil {
		p.labelled("Members", fmt.Sprint(*s.Members))
	}
}

func (p *page) memberships(s *story.Story) {
	var parts []string
	for _, m := range s.Memberships {
		linked := []string{cut(m.Title, shownValue)}
		for _, place := range m.Places {
			linked = append(linked, place.Subject.Kind+" "+cut(cmp.Or(place.Title, place.Subject.Name), shownValue))
		}
		text := strings.Join(linked, " = ")
		if m.Reason != "" {
			text += " (" + m.Reason + ")"
		}
		if len(m.Gave) > 0 {
			text += ", which gave " + strings.Join(m.Gave, ", ")
		}
		parts = append(parts, text)
	}
	p.labelled("Groups", strings.Join(parts, "; "))
}

func (p *page) rule(rule *story.Rule, first, wide bool) {
	label := ""
	if first {
		label = "Rules"
	}
	text := fmt.Sprintf("%d %s: ", rule.Position, rule.Name)
	switch {
	case rule.Disabled:
		text += "switched off"
	case rule.Execution == "":
		text += "has not run"
	default:
		text += fmt.Sprintf("%s, %s, %s", rule.Result, rule.Reason, age(rule.Time))
		if rule.Result == v1alpha1.ResultSkipped && rule.Message != "" {
			text += ": " + cut(rule.Message, 2*shownValue)
		}
	}
	p.labelled(label, text)
	if wide {
		p.run(rule)
	}
}

// run prints what a rule worked with and came to.
func (p *page) run(rule *story.Rule) {
	const indent, rest = "           ", "             "
	say := func(format string, args ...any) { p.text(indent, rest, fmt.Sprintf(format, args...)) }
	if rule.Message != "" {
		say("%s", rule.Message)
	}
	if rule.Execution != "" {
		say("ran on generation %d of the subject with generation %d of the rule (now %d), %s, request %s",
			rule.SubjectGeneration, rule.RuleGeneration, rule.Generation, rule.Trigger, orNone(rule.RequestID))
	}
	for _, expression := range rule.Expressions {
		say("%s = %s", expression.Name, orNone(expression.Value))
	}
	if condition := rule.Condition; condition != nil {
		say("condition %s: %s", condition.Expression, condition.Result)
	}
	for _, change := range rule.Changes {
		say("%s: %s → %s", change.Field, orNone(change.From), orNone(change.To))
	}
	for i, run := range rule.Runs {
		if i > 0 {
			say("before: %s, %s, %s: %s", stamp(run.Time), run.Trigger, run.Reason, run.Message)
		}
	}
}

// record prints the fields of a record by who set them, so that a dozen of them are some lines; wide is a line each.
func (p *page) record(record *story.Record, wide bool) {
	state := ""
	if record.Disabled {
		state += ", disabled"
	}
	if record.Protected {
		state += ", protected"
	}
	p.labelled(record.Subject.Kind, record.Title+" ("+record.Subject.Name+")"+state)
	if wide {
		p.fields(record)
		return
	}
	var setters []string
	fields := map[string][]string{}
	for i := range record.Fields {
		setter := setterOf(&record.Fields[i])
		if !slices.Contains(setters, setter) {
			setters = append(setters, setter)
		}
		fields[setter] = append(fields[setter], record.Fields[i].Name+": "+cut(shown(&record.Fields[i]), shownValue))
	}
	for _, setter := range setters {
		p.text("  ", "    ", setter+" set "+strings.Join(fields[setter], "; "))
	}
}

// fields prints one field a line, with who set it.
func (p *page) fields(record *story.Record) {
	width := 0
	for _, field := range record.Fields {
		width = max(width, len(field.Name))
	}
	for i := range record.Fields {
		field := &record.Fields[i]
		fmt.Fprintf(p.out, "  %-*s  %s  [%s]\n", width, field.Name, fold.Printable(shown(field)), fold.Printable(setterOf(field)))
	}
}

// shown is a field's value, with the name of the record that it leads to.
func shown(field *story.Field) string {
	if field.Title != "" {
		return field.Title + " (" + field.Value + ")"
	}
	return field.Value
}

func setterOf(field *story.Field) string {
	if len(field.SetBy) == 0 {
		return "nobody knows who"
	}
	return field.SetBy[0].Text
}

func age(t time.Time) string { return agoTime(t) }

// stamp is an exact time.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
