// Package log takes Traefik's logger.
package log

import "log/slog"

// SetDefault does nothing, as nothing here writes to a log.
func SetDefault(*slog.Logger) {}
