package story

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rservice.dev/scim-operator/api/shell"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// row is what to do about some reasons: a row of a table in config/operate.md, which is made from it.
type row struct {
	reasons []string
	// on says in words which objects have the reason; "" where the table has no such column.
	on string
	// text is Markdown on one line, with links as from the folder config.
	text string
	// commands have the fields of Names in braces. One of which a name is not known is left out.
	commands []string
	// link is where the project's documents have more than the text, "" where they do not. Who has only the console or the plugin
	// cannot follow it: the text has to be enough to act on.
	link string
}

// Commands that several reasons share.
const (
	describeExecution = "kubectl -n {namespace} describe automationruleexecution {execution}"
	showRule          = "kubectl -n {namespace} get automationrule {rule} -o yaml"
	showEndpoint      = "kubectl -n {namespace} get scimendpoint {endpoint} -o yaml"
)

// Names are those that commands need. What is not known is left empty.
type Names struct {
	Namespace, User, Group, Person, Rule, Execution, Endpoint string
	// Other is another Person, which stands in the way, OtherUser its user, and Former such a Person whose user has left.
	Other, OtherUser, Former string
	// Held is status.held.generation of the endpoint.
	Held int64
	// Name is the display name of the record that is missing, Email the address that two have. They come from clients.
	Name, Email string
}

// values are what stands for each name in braces, fit for a shell.
func (n Names) values() map[string]string {
	values := map[string]string{
		"namespace": n.Namespace, "user": n.User, "group": n.Group, "person": n.Person, "rule": n.Rule, "execution": n.Execution,
		"endpoint": n.Endpoint, "other": n.Other, "otherUser": n.OtherUser, "formerPerson": n.Former, "email": n.Email,
	}
	if n.Held > 0 {
		values["held"] = strconv.FormatInt(n.Held, 10)
	}
	if n.Name != "" {
		values["newOrganization"], values["newSite"] = manifest(KindOrganization, n.Name), manifest(KindSite, n.Name)
	}
	for name, value := range values {
		if value != "" {
			values[name] = shell.Word(value)
		}
	}
	return values
}

// manifest is a record of a name, as JSON.
func manifest(kind, name string) string {
	object := struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Metadata   map[string]string `json:"metadata"`
		Spec       map[string]string `json:"spec"`
	}{v1alpha1.GroupVersion.String(), kind, map[string]string{"generateName": strings.ToLower(kind) + "-"}, map[string]string{"name": name}}
	text, err := json.Marshal(object)
	if err != nil {
		return "" // a text always has an encoding
	}
	return string(text)
}

var placeholder = regexp.MustCompile(`\{([a-zA-Z]+)\}`)

// RemedyFor is what to do about the reason of a condition, or of this package; false for one that is not known.
func RemedyFor(reason string, names Names) (Remedy, bool) {
	return remedyIn(slices.Concat(reasons, findings), reason, names)
}

// ExecutionReasons are those that the condition of an execution can have, by this version, in the order of the alphabet.
func ExecutionReasons() []string {
	var all []string
	for _, r := range reasons {
		if strings.Contains(r.on, "executions") {
			all = append(all, r.reasons...)
		}
	}
	slices.Sort(all)
	return all
}

func remedyIn(table []row, reason string, names Names) (Remedy, bool) {
	i := slices.IndexFunc(table, func(r row) bool { return slices.Contains(r.reasons, reason) })
	if i < 0 {
		return Remedy{}, false
	}
	remedy := Remedy{Reason: reason, Text: plain(table[i].text), Link: table[i].link}
	values := names.values()
	for _, command := range table[i].commands {
		if filled, ok := fill(command, values); ok {
			remedy.Commands = append(remedy.Commands, filled)
		}
	}
	return remedy, true
}

// fill puts values into a command, once: a value that looks like a name in braces stays as it is.
func fill(command string, values map[string]string) (string, bool) {
	complete := true
	filled := placeholder.ReplaceAllStringFunc(command, func(name string) string {
		value := values[name[1:len(name)-1]]
		complete = complete && value != ""
		return value
	})
	return filled, complete
}

var (
	markdownLink = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	// reference is a sentence at the end that leads to another part of the document.
	reference = regexp.MustCompile(`\. See \[[^\]]*\]\([^)]*\)$`)
)

// plain is Markdown of a table as a text that begins like a sentence and ends like one. What is in code keeps its quotes.
func plain(markdown string) string {
	text := reference.ReplaceAllString(strings.ReplaceAll(markdown, "**", ""), "")
	text = markdownLink.ReplaceAllString(text, "$1")
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
