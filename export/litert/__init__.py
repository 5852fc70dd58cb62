"""LiteRT files: conversion, calibration, cards."""
