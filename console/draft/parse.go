package draft

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// MaxText is the most bytes of a rule's text, several times what the longest rule with its examples needs.
const MaxText = 256 << 10

// Kind is what a rule's text says that it is.
const Kind = "AutomationRule"

// Fault is something that is wrong with a rule, for whoever looks at its text.
type Fault struct {
	// Line and Column are where it is in the text, counted from 1, in characters; Column is 0 where only the line is known, and both
	// are where nothing is.
	Line, Column int
	// Place is the part of the rule, such as "condition", and Message what is wrong with it; Hint is a suggestion, or "".
	Place, Message, Hint string
	// Excerpt is the line of the expression, and Caret the place in it as spaces before a mark; "" for what is in no expression.
	Excerpt, Caret string
}

// Text is a rule as it is written, and what it means.
type Text struct {
	// Rule is what can be read of it; nil where that is nothing.
	Rule *v1alpha1.AutomationRule
	// Faults are what cannot.
	Faults []Fault

	lines []string
	root  *yamlv3.Node
}

// Parse reads the text of a rule that is to be in a namespace under a name; "" is any. The rule holds what people decide: name, labels,
// annotations and spec.
func Parse(text, namespace, name string) *Text {
	t := &Text{lines: strings.Split(text, "\n")}
	if len(text) > MaxText {
		t.fault("", fmt.Sprintf("the text has more than %d bytes", MaxText), "make several rules of it")
		return t
	}
	decoder := yamlv3.NewDecoder(strings.NewReader(text))
	root := &yamlv3.Node{}
	switch err := decoder.Decode(root); {
	case errors.Is(err, io.EOF):
		t.fault("", "the text is empty", "begin with the rule of config/samples, or copy one that there is")
		return t
	case err != nil:
		t.unreadable(err)
		return t
	}
	t.root = root
	if err := decoder.Decode(&yamlv3.Node{}); !errors.Is(err, io.EOF) {
		t.fault("", "the text holds more than one document", "write one rule, without a line ---")
		return t
	}
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.unreadable(err)
		return t
	}
	read := &v1alpha1.AutomationRule{}
	unknown, err := json.UnmarshalStrict(data, read)
	if err != nil {
		t.unreadable(err)
		return t
	}
	for _, err := range unknown {
		t.strict(err)
	}
	t.identify(read, namespace, name)
	t.Rule = &v1alpha1.AutomationRule{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: Kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: read.Name, Labels: read.Labels, Annotations: read.Annotations},
		Spec:       read.Spec,
	}
	dropOthers(t.Rule)
	return t
}

// identify checks what a text says it is.
func (t *Text) identify(read *v1alpha1.AutomationRule, namespace, name string) {
	if read.APIVersion != v1alpha1.GroupVersion.String() {
		t.fault("apiVersion", "is not "+v1alpha1.GroupVersion.String(), "")
	}
	if read.Kind != Kind {
		t.fault("kind", "is not "+Kind, "")
	}
	switch {
	case name != "" && read.Name != name:
		t.fault("metadata.name", "the rule is called "+name+", which stays", "to have one of another name, make a new rule")
	case len(validation.IsDNS1123Subdomain(read.Name)) > 0:
		t.fault("metadata.name", "a name has lower-case letters, digits, hyphens and dots", "such as contractors-are-external")
	}
	if read.Namespace != "" && read.Namespace != namespace {
		t.fault("metadata.namespace", "the rule is for namespace "+namespace, "leave the namespace out")
	}
	if len(read.Finalizers) > 0 || len(read.OwnerReferences) > 0 {
		t.fault("metadata", "finalizers and ownerReferences cannot be given here", "leave them out, or use kubectl")
	}
}

// dropOthers drops labels and annotations that are not those of the rule's author.
func dropOthers(rule *v1alpha1.AutomationRule) {
	rule.Annotations, rule.Labels = maps.Clone(rule.Annotations), maps.Clone(rule.Labels)
	delete(rule.Annotations, corev1.LastAppliedConfigAnnotation)
	delete(rule.Annotations, v1alpha1.AnnotationRerun)
	for _, mark := range marks {
		set := rule.Labels
		if mark.annotation {
			set = rule.Annotations
		}
		delete(set, mark.name)
		delete(set, mark.namespace)
	}
	if len(rule.Annotations) == 0 {
		rule.Annotations = nil
	}
	if len(rule.Labels) == 0 {
		rule.Labels = nil
	}
}

// Source is a rule as YAML as somebody would keep it in Git: without what the API server and the operator add.
func Source(rule *v1alpha1.AutomationRule) (string, error) {
	own := rule.DeepCopy()
	dropOthers(own)
	type metadata struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	text, err := yaml.Marshal(struct {
		APIVersion string                      `json:"apiVersion"`
		Kind       string                      `json:"kind"`
		Metadata   metadata                    `json:"metadata"`
		Spec       v1alpha1.AutomationRuleSpec `json:"spec"`
	}{v1alpha1.GroupVersion.String(), Kind, metadata{own.Name, own.Labels, own.Annotations}, own.Spec})
	if err != nil {
		return "", fmt.Errorf("write rule %s as YAML: %w", rule.Name, err)
	}
	return string(text), nil
}

func (t *Text) fault(path, message, hint string) {
	fault := Fault{Place: path, Message: message, Hint: hint}
	if path != "" {
		fault.Line, fault.Column = t.at(path, 0, 0)
	}
	t.Faults = append(t.Faults, fault)
}

var (
	yamlLine    = regexp.MustCompile(`line (\d+): `)
	unknownPath = regexp.MustCompile(`^(?:unknown|duplicate) field "(.*)"$`)
)

// unreadable tells of an error of YAML, which names lines in its text, or of JSON, which names a field.
func (t *Text) unreadable(err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "yaml: ")
		if line == "unmarshal errors:" {
			continue
		}
		fault := Fault{Place: "YAML", Message: strings.TrimPrefix(line, "json: ")}
		if found := yamlLine.FindStringSubmatchIndex(line); found != nil {
			fault.Line, _ = strconv.Atoi(line[found[2]:found[3]])
			fault.Message = line[found[1]:]
		}
		t.Faults = append(t.Faults, fault)
	}
}

// strict tells of a field that there is not.
func (t *Text) strict(err error) {
	found := unknownPath.FindStringSubmatch(err.Error())
	if found == nil {
		t.unreadable(err)
		return
	}
	t.fault(found[1], "there is no such field", "kubectl explain automationrule."+parentOf(found[1])+" says which there are")
}

func parentOf(path string) string {
	parts := strings.Split(regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, ""), ".")
	return strings.Join(slices.DeleteFunc(parts[:len(parts)-1], func(part string) bool { return part == "" }), ".")
}
