package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"syncd/internal/config"
)

func isConfigError(err error) bool {
	_, ok := err.(config.Errors) //nolint:errorlint // Load returns it as it is
	return ok
}

func (a *app) configCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "the configuration in force, with every default",
		Long:  "Prints the configuration with every default filled in. Secrets are masked.",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			return cfg.WriteEffective(a.stdout)
		},
	}
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "the version of syncd",
		Args:  cobra.NoArgs,
		Run: func(*cobra.Command, []string) {
			fmt.Fprintln(a.stdout, "syncd", version())
		},
	}
}

// version is the module's version as the build recorded it, with the commit
// where there is one.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			commit = " " + s.Value[:12]
		}
	}
	return info.Main.Version + commit + " " + info.GoVersion
}
