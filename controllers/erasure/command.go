package erasure

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
)

// Exit codes of Run.
const (
	// ExitOK says that nothing is left that can be removed here; with --dry-run, that nothing is in the way.
	ExitOK = 0
	// ExitLeft says that something is left: it was not clear who is meant, nobody agreed, somebody
	// is protected or in use, or no operator lets the user go. With --dry-run, that the first or third would be so.
	ExitLeft = 1
	// ExitError says that the command could not do its work. What it has begun the same command
	// goes on with.
	ExitError = 2
)

const usage = `Usage: manager erase [flags]

Removes for good what is stored of one human being in a tenant's namespace: ScimUser, Person,
AutomationRuleExecutions, claims, memberships, and where others' records and executions name it.
Remove it at the identity provider first. With --dry-run it only says what there is, and what is in the way.
Exit code 0: nothing is left, or, with --dry-run, nothing is in the way. 1: something is. 2: it could not do its work.

`

// elsewhere ends every report: what this command cannot reach.
const elsewhere = `Kept elsewhere, and not for this command to remove:
  the identity provider, which pushes the person again unless it was removed there first
  etcd's history until it is compacted (5 minutes), its snapshots and backups: a restore brings the person back
  the API server's audit log; Events about these objects (--event-ttl, 1 hour), which hold ids and no names
  logs of operator and ingress: ids, and names where an ingress logs addresses with a filter
  whatever else reads Persons
`

// command is one run of the command line.
type command struct {
	in       io.Reader
	out, err io.Writer
	cluster  kube.Kubeconfig
	query    Query
	dryRun   bool
	yes      bool
	all      bool
	active   bool
	wait     time.Duration
}

// Run carries out the arguments after "manager erase" and returns the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	c := &command{in: in, out: out, err: errOut}
	err := c.run(ctx, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return ExitOK
	case errors.Is(err, errLeft):
		return ExitLeft
	}
	fmt.Fprintf(errOut, "manager erase: %s\n", fold.Printable(err.Error()))
	return ExitError
}

func (c *command) run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("manager erase", flag.ContinueOnError)
	flags.SetOutput(c.err)
	flags.Usage = func() {
		fmt.Fprint(c.err, usage)
		flags.PrintDefaults()
	}
	c.cluster.Bind(flags)
	flags.StringVar(&c.query.ID, "id", "", "SCIM id, the name of the ScimUser; also of one that is gone")
	flags.StringVar(&c.query.UserName, "user-name", "", "userName, also the one that an inactive user had when it was last active")
	flags.StringVar(&c.query.Email, "email", "", "the userName or primary e-mail address of the user, or the primaryEmail of the Person")
	flags.StringVar(&c.query.Person, "person", "", "name of the Person")
	flags.BoolVar(&c.dryRun, "dry-run", false, "say what there is and what is in the way, and write nothing")
	flags.BoolVar(&c.yes, "yes", false, "do not ask")
	flags.BoolVar(&c.all, "all", false, "erase everything that matches, not only what belongs together: for somebody whom the client has pushed as several users")
	flags.BoolVar(&c.active, "active", false, "erase also whom the client has in use. It pushes such a user again, unless it was removed there")
	flags.DurationVar(&c.wait, "wait", DefaultWait, "how long to wait for the operator to let the ScimUser go, before the rest is erased without it. Anything shorter is safe only while no operator runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	connected, namespace, err := c.cluster.Connect()
	if err != nil {
		return err
	}
	return c.erase(ctx, &Eraser{Client: connected, Namespace: namespace, Wait: c.wait, Say: func(format string, args ...any) {
		c.printf(format+"\n", args...)
	}})
}

// erase finds, asks, erases and looks again.
func (c *command) erase(ctx context.Context, e *Eraser) error {
	found, err := e.Find(ctx, c.query)
	if err != nil {
		return err
	}
	begun, err := c.tellAll(ctx, e, found)
	if err != nil || !begun {
		return err
	}
	if err := c.mayErase(found); err != nil || c.dryRun {
		return err
	}
	if !c.yes {
		c.printf("Erase this for good? Type yes: ")
		answer, err := bufio.NewReader(c.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the answer: %w", err)
		}
		if strings.TrimSpace(answer) != "yes" {
			c.printf("Nothing was erased.\n")
			return errLeft
		}
	}
	for _, d := range found {
		c.printf("If this is interrupted, repeat it, or: manager erase -n %s%s\n", e.Namespace, d.flags())
		if err := e.Erase(ctx, d); err != nil && !errors.Is(err, errLeft) {
			return err
		} else if err != nil {
			begun = false
		}
	}
	return c.lookAgain(ctx, e, !begun)
}

// tellAll says what was found, and reports whether there is anything.
func (c *command) tellAll(ctx context.Context, e *Eraser, found []*Dossier) (something bool, err error) {
	for _, d := range found {
		s, err := e.survey(ctx, d)
		if err != nil {
			return false, err
		}
		something = something || d.exists() || s.left()
		if err := c.tell(ctx, d, s); err != nil {
			return false, err
		}
	}
	if !something {
		c.printf("Found nothing in namespace %s: either it is erased, or it is not spelled so.\n", e.Namespace)
		listing, err := e.Listing(ctx, c.query)
		if err != nil {
			return false, err
		}
		c.list("The address is also listed, besides their own, by others, who may be somebody else. If one of them is meant, name it with --id or --person:", listing)
	}
	fmt.Fprint(c.out, elsewhere)
	return something, nil
}

// mayErase reports why not.
func (c *command) mayErase(found []*Dossier) error {
	if len(found) > 1 && !c.all {
		c.printf("%d match. Name one with --id or --person; or --all, if all of them are the same human being.\n", len(found))
		return errLeft
	}
	for _, d := range found {
		for _, user := range d.Users {
			if user.IsActive() && user.DeletionTimestamp.IsZero() && !c.active {
				c.printf("ScimUser %s is active: the identity provider has it in use, and would push it again. Remove it there first; or --active, to erase it all the same.\n", user.Name)
				return errLeft
			}
		}
		for _, person := range d.Persons {
			if _, marked := journalOf(person); person.IsProtected() && !marked {
				c.printf("Person %s is protected. Take its annotation %s off first.\n", person.Name, v1alpha1.AnnotationProtected)
				return errLeft
			}
		}
	}
	return nil
}

// lookAgain says what has come back since.
func (c *command) lookAgain(ctx context.Context, e *Eraser, stays bool) error {
	found, err := e.Find(ctx, c.query)
	if err != nil {
		return err
	}
	for _, d := range found {
		for _, user := range d.Users {
			if !user.DeletionTimestamp.IsZero() {
				continue
			}
			stays = true
			c.printf("ScimUser %s was pushed meanwhile: remove it at the identity provider, then repeat the command.\n", user.Name)
		}
		for _, person := range d.Persons {
			if person.UID != "" {
				stays = true
				c.printf("Person %s is there again: repeat the command.\n", person.Name)
			}
		}
	}
	if stays {
		c.printf("Not everything is erased.\n")
		return errLeft
	}
	c.printf("Erased. Nothing of this is left in namespace %s.\n", e.Namespace)
	return nil
}

// flags are those by which a dossier is found again, whatever of it is gone.
func (d *Dossier) flags() string {
	text := ""
	if len(d.ids) > 0 {
		text += " --id " + d.ids[0]
	}
	if len(d.Persons) > 0 {
		text += " --person " + d.Persons[0].Name
	}
	return text
}

// tell says what there is of a dossier.
func (c *command) tell(ctx context.Context, d *Dossier, s *survey) error {
	for _, user := range d.Users {
		state := "active"
		switch {
		case !user.DeletionTimestamp.IsZero():
			state = "being deleted"
		case !user.IsActive():
			state = "inactive"
		}
		groups, err := s.memberships(ctx, user)
		if err != nil {
			return err
		}
		c.printf("ScimUser %s, %s, userName %s, member of %d groups\n", user.Name, state, quoted(user.Spec.UserName), groups)
	}
	for _, person := range d.Persons {
		if person.UID == "" {
			continue
		}
		state := "enabled"
		if person.Spec.Disabled {
			state = "disabled"
		}
		if _, begun := journalOf(person); begun {
			state += ", partly erased"
		}
		c.printf("Person %s, %s, primaryEmail %s\n", person.Name, state, quoted(person.Spec.PrimaryEmail))
	}
	for _, line := range []struct {
		count int
		what  string
	}{
		{len(s.executions), "AutomationRuleExecutions"},
		{len(s.claims), "claims on its names (Leases)"},
		{len(s.mentions), "executions of others with values that name it, which become (erased)"},
		{len(s.pages) + len(s.groups), "ScimGroups and ScimGroupPages that list it as a member, which it leaves"},
	} {
		if line.count > 0 {
			c.printf("  %d %s\n", line.count, line.what)
		}
	}
	c.list("  manager of, which is cleared:", namesOf(s.managed))
	c.list("  former user of, which is forgotten:", namesOf(s.formerly))
	c.list("  not touched, because the client says so: it is the manager of ScimUsers", s.namedBy)
	c.list("  not touched, because they are others: its address is on Persons", s.listedBy)
	return nil
}

// maxNames is how many names a line has.
const maxNames = 10

func (c *command) list(what string, names []string) {
	if len(names) == 0 {
		return
	}
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	c.printf("%s %s%s\n", what, strings.Join(names, ", "), more)
}

func namesOf[T client.Object](objects []T) []string {
	var names []string
	for _, object := range objects {
		names = append(names, kindOf(object)+" "+object.GetName())
	}
	return names
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }

// printf prints lines. What it is given as text comes from users and is quoted where it is not
// printable.
func (c *command) printf(format string, args ...any) {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = fold.Printable(text)
		}
	}
	fmt.Fprintf(c.out, format, args...)
}
