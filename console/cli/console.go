package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"rservice.dev/scim-operator/console/access"
	"rservice.dev/scim-operator/console/pages"
)

func newConsole(s *session) *cobra.Command {
	var port uint16
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Serve the console for your browser, on this machine, with your rights",
		Long: `Serve the console for your browser: users, groups and records, what happened to each, what is wrong, the rules.

It is served on 127.0.0.1 only and acts with your kubeconfig and rights. The link that it prints opens it once, in one
browser; run the command again for another one. Ctrl-C ends it.`,
		Example: `  # The console of a namespace
  kubectl scim console -n acme`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.console(cmd.Context(), port) },
	}
	cmd.Flags().Uint16Var(&port, "port", 0, "Port on 127.0.0.1. 0: any that is free.")
	return cmd
}

func (s *session) console(ctx context.Context, port uint16) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	c, err := s.connect()
	if err != nil {
		return err
	}
	caller, err := access.NewLocal(ctx, c.config)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return fmt.Errorf("serve the console (another port: --port): %w", err)
	}
	address := listener.Addr().String()
	local := pages.NewLocal(caller, address)
	handler, err := pages.New(pages.Options{
		Sessions: local, Hosts: []string{address}, Namespace: s.meantNamespace(c.namespace),
		Logger: logr.FromSlogHandler(slog.NewTextHandler(s.ErrOut, nil)),
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := pages.NewHTTPServer(handler)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	fmt.Fprintf(s.Out, "The console opens once, by this link:\n\n  %s\n\nYou are %s. Ctrl-C ends it.\n", local.Link(), caller.User().Username)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err = <-ended:
		return fmt.Errorf("serve the console: %w", err)
	case <-ctx.Done():
		return server.Close()
	}
}

// meantNamespace is the namespace to begin with, "" where nobody has said one: "default" is what there is without a word.
func (s *session) meantNamespace(namespace string) string {
	_, said, err := s.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil || namespace == corev1.NamespaceDefault && !said {
		return ""
	}
	return namespace
}
