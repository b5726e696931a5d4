package cli

const ttyPath = "CONIN$"
