module bizra/ics23check

go 1.21

require github.com/cosmos/ics23/go v0.11.0
